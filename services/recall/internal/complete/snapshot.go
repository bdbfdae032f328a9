package complete

import (
	"math"

	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends the phrases under their numbers, which items have them, and the marks in order, so that a book is opened without
// sorting anything.
func (b *Book) AppendBinary(dst []byte) []byte {
	s := &b.shelf
	lengths, kinds, uses := make([]uint8, len(s.phrases)), make([]uint8, len(s.phrases)), make([]uint32, len(s.phrases))
	size := 0
	for i := range s.phrases {
		p := &s.phrases[i]
		lengths[i], kinds[i], uses[i] = p.text, uint8(p.kind), p.uses
		size += int(p.text)
	}
	dst = pack.AppendList(pack.AppendList(pack.AppendList(dst, lengths), kinds), uses)
	dst = pack.AppendUint(dst, uint64(size))
	for i := range s.phrases {
		p := &s.phrases[i]
		if p.begins > 0 {
			dst = append(dst, s.texts.of(p.at, int(p.text))...)
		}
	}
	dst = pack.AppendUint(dst, uint64(len(s.asked)))
	for i := range s.asked {
		q := &s.asked[i]
		dst = pack.AppendFloat(dst, q.uses)
		if q.uses == 0 {
			continue // one that is free
		}
		dst = pack.AppendUint(pack.AppendUint(dst, uint64(q.phrase)), uint64(q.usedAt))
		dst = pack.AppendList(dst, q.askers[:q.count])
	}
	marks := 0
	for i := range b.marks.blocks {
		marks += int(b.marks.blocks[i].n)
	}
	all := make([]uint32, 0, marks)
	for i := range b.marks.blocks {
		block := &b.marks.blocks[i]
		for _, m := range block.marks[:block.n] {
			all = append(all, uint32(m))
		}
	}
	dst = pack.AppendList(dst, all)
	counts, ids := make([]uint8, b.items.Len()), all[:0]
	for n := range counts {
		row := b.items.Of(uint32(n))
		counts[n], ids = uint8(len(row)), append(ids, row...)
	}
	return pack.AppendList(pack.AppendList(dst, counts), ids)
}

// Restore fills an empty book with what [Book.AppendBinary] wrote. Everything is checked: texts, counts, and that the marks are all there
// and sorted. Its errors wrap [pack.ErrBroken]; the book is of no use after one.
func (b *Book) Restore(from []byte) error {
	r := pack.Read(from)
	uses, marks := b.openPhrases(r)
	b.openQueries(r, uses)
	if r.Err() == nil {
		b.openMarks(r, marks)
	}
	b.openItems(r, uses)
	return r.End()
}

// openPhrases reads the phrases. It returns how often they are said to be used, and how many beginnings they have.
func (b *Book) openPhrases(r *pack.Reader) (uses []uint32, marks int) {
	lengths, kinds := pack.List[uint8](r), pack.List[uint8](r)
	uses = pack.List[uint32](r)
	all := string(r.Bytes())
	if len(kinds) != len(lengths) || len(uses) != len(lengths) || len(lengths) > mostPhrases {
		r.Fail("%d phrases have %d kinds and %d uses", len(lengths), len(kinds), len(uses))
		return nil, 0
	}
	s := &b.shelf
	var count [Title + 1]int
	for i, kind := range kinds {
		if kind > uint8(Title) {
			r.Fail("a phrase of kind %d", kind)
			return nil, 0
		}
		if lengths[i] > 0 {
			count[kind]++
		}
	}
	for kind := range count {
		s.byKey[kind].Reserve(count[kind])
	}
	s.phrases = make([]phrase, len(lengths))
	for i, n := range lengths {
		if n == 0 {
			s.free = append(s.free, uint32(i))
			continue
		}
		if int(n) > len(all) || n > MaxPhrase {
			r.Fail("a phrase of %d bytes, of %d", n, len(all))
			return nil, 0
		}
		var text string
		text, all = all[:n], all[n:]
		key := fold(text)
		if key == "" || cut(text) != text {
			r.Fail("a phrase of nothing, or with spaces around it")
			return nil, 0
		}
		if _, ok := s.find(Kind(kinds[i]), key); ok {
			r.Fail("a phrase is there twice")
			return nil, 0
		}
		s.set(uint32(i), Kind(kinds[i]), text, key)
		s.phrases[i].uses = uses[i]
		marks += int(s.phrases[i].begins)
	}
	if len(all) > 0 {
		r.Fail("%d bytes of no phrase", len(all))
	}
	return uses, marks
}

// openQueries reads what is known of the queries, each of which has to be known once.
func (b *Book) openQueries(r *pack.Reader, uses []uint32) {
	s := &b.shelf
	for n := range uint32(r.Count(8)) {
		q := query{uses: r.Float()}
		if q.uses == 0 {
			s.freeAsked = append(s.freeAsked, n)
			s.asked = append(s.asked, query{})
			continue
		}
		q.phrase, q.usedAt = uint32(r.Below(len(s.phrases))), int64(r.Uint())
		askers := pack.List[uint64](r)
		if !(q.uses > 0) || math.IsInf(q.uses, 1) || len(askers) > minAskers {
			r.Fail("a query asked %v times by %d", q.uses, len(askers))
		}
		if r.Err() != nil {
			return
		}
		if p := &s.phrases[q.phrase]; p.kind != Query || p.begins == 0 || uses[q.phrase] != n {
			r.Fail("query %d is phrase %d, which is not", n, q.phrase)
			return
		}
		q.count = uint8(copy(q.askers[:], askers))
		s.asked = append(s.asked, q)
	}
	if known := len(s.asked) - len(s.freeAsked); known != s.byKey[Query].Len() {
		r.Fail("%d queries are known, there are %d", known, s.byKey[Query].Len())
	}
}

// openMarks reads the order: want marks.
func (b *Book) openMarks(r *pack.Reader, want int) {
	numbers := pack.List[uint32](r)
	if len(numbers) != want {
		r.Fail("%d beginnings, want %d", len(numbers), want)
		return
	}
	for _, n := range numbers {
		m := mark(n)
		if int(m.phrase()) >= len(b.shelf.phrases) || m.beginning() >= int(b.shelf.phrases[m.phrase()].begins) {
			r.Fail("a beginning of phrase %d, which does not have it", m.phrase())
			return
		}
	}
	// As many as there are, all different since each is behind the one before it: so they are all.
	if !b.marks.fill(numbers) {
		r.Fail("the beginnings are not sorted")
	}
}

// openItems reads which items have which phrases, and compares with how many items are said to have each.
func (b *Book) openItems(r *pack.Reader, uses []uint32) {
	counts, ids := pack.List[uint8](r), pack.List[uint32](r)
	b.items.Reserve(len(counts))
	had := make([]uint32, len(uses))
	for _, i := range ids {
		if int(i) >= len(uses) || b.shelf.phrases[i].begins == 0 || b.shelf.phrases[i].kind == Query {
			r.Fail("an item has phrase %d, which is none", i)
			return
		}
		had[i]++
	}
	for n, count := range counts {
		if int(count) > len(ids) {
			r.Fail("an item has %d phrases, %d are left", count, len(ids))
			return
		}
		b.items.Grow()
		b.items.Set(uint32(n), ids[:count])
		ids = ids[count:]
	}
	if len(ids) > 0 {
		r.Fail("%d phrases of no item", len(ids))
	}
	for i := range had {
		if p := &b.shelf.phrases[i]; p.begins > 0 && p.kind != Query && (had[i] != uses[i] || had[i] == 0) {
			r.Fail("%d items have phrase %d, want %d", had[i], i, uses[i])
			return
		}
	}
}
