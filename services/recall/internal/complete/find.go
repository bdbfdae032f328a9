package complete

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Complete returns at most limit phrases that begin with the prefix at one of their words, best first, each text once. Usable
// says of a query whether it would find anything.
func (b *Book) Complete(prefix string, limit int, now time.Time, usable func(string) bool) []string {
	prefix = fold(prefix)
	if prefix == "" || limit <= 0 {
		return nil
	}
	// More than limit are kept, because the same text may stand there as a query and as a title, or be of no use.
	f := finder{book: b, now: now.UnixMilli(), found: make([]scored, 0, 4*limit+1), most: 4 * limit}
	f.look([]byte(prefix))
	if len(f.found) == 0 {
		misspelt(prefix, func(text string) bool { return b.marks.has([]byte(text)) }, func(text string) { f.look([]byte(text)) })
	}
	// Of equal ones the first by its text is shown first.
	slices.SortStableFunc(f.found, func(x, y scored) int {
		return cmp.Or(cmp.Compare(y.score, x.score), slices.Compare(b.folded(x), b.folded(y)))
	})
	var texts []string
	seen := map[string]bool{}
	for _, s := range f.found {
		p := &b.shelf.phrases[s.phrase]
		if seen[string(b.folded(s))] {
			continue
		}
		text := b.shelf.text(p)
		if p.kind == Query && !usable(text) {
			continue
		}
		seen[string(b.folded(s))] = true
		if texts = append(texts, text); len(texts) == limit {
			break
		}
	}
	return texts
}

func (b *Book) folded(s scored) []byte { return b.shelf.folded(&b.shelf.phrases[s.phrase]) }

// scored is a phrase that completes a prefix.
type scored struct {
	phrase uint32
	score  float32
	// place is where its beginning stands in the order.
	place uint64
}

func compareScored(a, b scored) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.place, b.place))
}

// finder gathers the best phrases: by their scores, and of equal ones the first by what stands behind the prefix.
type finder struct {
	book *Book
	// now is in milliseconds since 1970.
	now   int64
	found []scored
	most  int
}

// least is what a phrase has to be worth to be among the best.
func (f *finder) least() float32 {
	if len(f.found) < f.most {
		return float32(math.Inf(-1))
	}
	return f.found[len(f.found)-1].score
}

// look adds what begins with a prefix.
func (f *finder) look(prefix []byte) {
	shelf := &f.book.shelf
	f.book.marks.each(prefix, f.least, func(m mark, place uint64) {
		p := &shelf.phrases[m.phrase()]
		if p.kind == Query && shelf.query(p).count < minAskers {
			return
		}
		s := scored{m.phrase(), float32(shelf.score(p, f.now, m.beginning() == 0)), place}
		if len(f.found) == f.most && compareScored(s, f.found[len(f.found)-1]) >= 0 {
			return
		}
		at, _ := slices.BinarySearchFunc(f.found, s, compareScored)
		f.found = slices.Insert(f.found, at, s)
		f.found = f.found[:min(len(f.found), f.most)]
	})
}

// misspelt yields the beginnings one edit behind the first letter away from a prefix that has says there are.
func misspelt(prefix string, has func(string) bool, yield func(string)) {
	if len(prefix) < minMisspelt || len(prefix) > maxMisspelt || strings.ContainsFunc(prefix, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return
	}
	try := func(edited string) {
		if has(edited) {
			yield(edited)
		}
	}
	for i := 1; i < len(prefix); i++ {
		// What there is no beginning for has none behind it either.
		if !has(prefix[:i]) {
			return
		}
		try(prefix[:i] + prefix[i+1:])
		if i+1 < len(prefix) && prefix[i] != prefix[i+1] {
			try(prefix[:i] + prefix[i+1:i+2] + prefix[i:i+1] + prefix[i+2:])
		}
		for _, letter := range " abcdefghijklmnopqrstuvwxyz" {
			begin := prefix[:i] + string(letter)
			if byte(letter) == prefix[i] || !has(begin) {
				continue
			}
			try(begin + prefix[i+1:])
			try(begin + prefix[i:])
		}
	}
}
