package lexical

import (
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends the index.
func (x *Index) AppendBinary(dst []byte) ([]byte, error) {
	dst = pack.AppendUint(dst, uint64(len(x.items)))
	for i := range x.items {
		e := &x.items[i]
		live := uint64(0)
		if e.live {
			live = 1
		}
		dst = pack.AppendUint(pack.AppendUint(dst, live), e.fingerprint)
		dst = pack.AppendUint(dst, uint64(len(e.terms)))
		for _, id := range e.terms {
			dst = pack.AppendUint(dst, uint64(id))
		}
	}
	dst = pack.AppendUint(dst, uint64(len(x.terms)))
	for i := range x.terms {
		t := &x.terms[i]
		dst = pack.AppendText(dst, t.stem)
		if len(t.slots) > 0 {
			dst = pack.AppendText(dst, t.surface)
			dst = pack.AppendUint(dst, uint64(len(t.slots)))
			for _, s := range t.slots {
				dst = pack.AppendUint(dst, uint64(s))
			}
			dst = pack.AppendList(dst, t.weights)
		}
	}
	return dst, nil
}

// Load returns the index that [Index.AppendBinary] wrote. Its errors wrap [pack.ErrBroken].
func Load(p Params, b []byte) (*Index, error) {
	x := New(p)
	r := pack.Read(b)
	x.items = make([]entry, r.Count(3))
	left := 0
	for i := range x.items {
		e := &x.items[i]
		e.live = r.Below(2) == 1
		e.fingerprint = r.Uint()
		e.terms = make([]termID, r.Count(1))
		for j := range e.terms {
			e.terms[j] = termID(r.Below(1 << 32))
		}
		if e.live {
			x.count++
		} else if len(e.terms) > 0 {
			r.Fail("an item that is gone has words")
		}
		left += len(e.terms)
	}
	for i := range r.Count(1) {
		x.terms, x.own = append(x.terms, term{}), append(x.own, termID(len(x.own)))
		stem := r.Text()
		if stem == "" {
			x.free = append(x.free, termID(i))
			continue
		}
		t := term{stem: strings.Clone(stem), surface: r.Text(), letters: letters(stem)}
		t.slots = make([]catalogue.Slot, r.Count(1))
		for j := range t.slots {
			t.slots[j] = catalogue.Slot(r.Below(len(x.items)))
			if r.Err() != nil || (j > 0 && t.slots[j] <= t.slots[j-1]) || !slices.Contains(x.items[t.slots[j]].terms, termID(i)) {
				r.Fail("a word whose items do not rise or do not hold it")
				return nil, r.Err()
			}
		}
		left -= len(t.slots)
		t.weights = pack.List[float32](r)
		if _, twice := x.byStem[stem]; twice || len(t.weights) != len(t.slots) {
			r.Fail("a word is there twice, or has %d items and %d weights", len(t.slots), len(t.weights))
			return nil, r.Err()
		}
		x.terms[i] = t
		x.byStem[t.stem] = termID(i)
		for _, at := range entrances(t.stem) {
			x.byLetter[at] = append(x.byLetter[at], termID(i))
		}
	}
	if left != 0 {
		r.Fail("items hold words that do not hold them")
	}
	return x, r.End()
}
