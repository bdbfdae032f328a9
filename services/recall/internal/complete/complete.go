// Package complete finishes what a shopper begins to type: with queries that others asked, categories, brands and titles.
//
// A phrase is found by the beginning of any of its first words, and of any of the first characters of a run in a script that
// writes no spaces. Where nothing begins so, the beginning is taken to be misspelt by one letter behind the first. Nothing here locks.
package complete

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Kind is where a phrase comes from.
type Kind uint8

// The kinds of phrase.
const (
	Query Kind = iota
	Category
	Brand
	Title
)

// Limits of the core.
const (
	// MaxPhrase is the longest phrase that is kept, in bytes; longer titles are cut.
	MaxPhrase = 96
	// MaxQueries is how many queries are kept; the one asked least gives way.
	MaxQueries = 50_000
	// minAskers is how many shoppers must have asked a query before others are shown it: what one person types is private.
	minAskers = 3
	// maxBeginnings is how many words or characters of a phrase it is found by.
	maxBeginnings = 6
	// minMisspelt and maxMisspelt are how long a beginning may be to be taken for misspelt, in letters.
	minMisspelt, maxMisspelt = 4, 16
	// halfLife of the use of queries.
	halfLife = 14 * 24 * time.Hour
)

// phrase is something to complete to.
type phrase struct {
	// text is as it is shown, key its folded form.
	text, key string
	kind      Kind
	// uses are how many items have the phrase (a category, brand or title), or the decayed count of askers at usedAt.
	uses   float64
	usedAt time.Time
	// askers are hashes of the last shoppers who asked, askerCount how many distinct ones were seen, at most minAskers.
	askers     [minAskers]uint64
	askerCount int
}

// Book holds the phrases. Make one with [New].
type Book struct {
	phrases []phrase
	free    []uint32
	byKey   [4]map[string]uint32
	marks   order
}

// New returns an empty book.
func New() *Book {
	b := &Book{}
	for i := range b.byKey {
		b.byKey[i] = map[string]uint32{}
	}
	b.marks.worth = func(m mark) float32 {
		p := &b.phrases[m.phrase]
		return float32(p.score(p.usedAt, len(m.key) == len(p.key)))
	}
	return b
}

// Len returns how many phrases the book holds.
func (b *Book) Len() int { return len(b.phrases) - len(b.free) }

// Add tells that one more item has the phrase. It returns its number, to be given to [Book.Remove], and false for a text of nothing.
func (b *Book) Add(kind Kind, text string) (uint32, bool) {
	i, ok := b.intern(kind, text)
	if ok {
		b.phrases[i].uses++
		b.raise(i)
	}
	return i, ok
}

// raise tells the order that a phrase is used more. Titles are worth the same whoever has them.
func (b *Book) raise(i uint32) {
	p := &b.phrases[i]
	if p.kind == Title {
		return
	}
	for _, at := range beginnings(p.key) {
		b.marks.raise(mark{key: p.key[at:], phrase: i})
	}
}

// Remove tells that one item fewer has the phrase that [Book.Add] numbered.
func (b *Book) Remove(i uint32) {
	if b.phrases[i].uses--; b.phrases[i].uses <= 0 {
		b.drop(i)
	}
}

// AddItem adds what an item can be found by, and appends the numbers to ids.
func (b *Book) AddItem(it *shop.Item, ids []uint32) []uint32 {
	add := func(kind Kind, text string) {
		if i, ok := b.Add(kind, text); ok {
			ids = append(ids, i)
		}
	}
	add(Title, it.Title)
	for _, title := range it.Titles {
		if title != it.Title {
			add(Title, title)
		}
	}
	add(Brand, it.Brand)
	for _, category := range it.Categories {
		add(Category, category)
	}
	return ids
}

// Ask tells that a shopper, known by a hash, asked the query.
func (b *Book) Ask(query string, asker uint64, at time.Time) {
	if len(query) > MaxPhrase || private(query) {
		return
	}
	i, ok := b.intern(Query, query)
	if !ok {
		return
	}
	p := &b.phrases[i]
	p.uses = p.faded(at) + 1
	if at.After(p.usedAt) {
		p.usedAt = at
	}
	b.raise(i)
	if p.askerCount < minAskers && !slices.Contains(p.askers[:p.askerCount], asker) {
		p.askers[p.askerCount] = asker
		p.askerCount++
	}
	if len(b.byKey[Query]) > MaxQueries {
		b.evict(at)
	}
}

// faded returns the uses as of now.
func (p *phrase) faded(now time.Time) float64 {
	if p.kind != Query || !now.After(p.usedAt) {
		return p.uses
	}
	return p.uses * math.Exp2(-float64(now.Sub(p.usedAt))/float64(halfLife))
}

// evict drops the eighth of the queries that is used least.
func (b *Book) evict(now time.Time) {
	var all []uint32
	for _, i := range b.byKey[Query] {
		all = append(all, i)
	}
	slices.SortFunc(all, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(b.phrases[x].faded(now), b.phrases[y].faded(now)), cmp.Compare(b.phrases[x].key, b.phrases[y].key))
	})
	for _, i := range all[:len(all)/8] {
		b.drop(i)
	}
}

// private reports whether a query looks like something about a person: an address of mail, or a long number.
func private(query string) bool {
	digits := 0
	for _, r := range query {
		switch {
		case r == '@':
			return true
		case unicode.IsDigit(r):
			if digits++; digits >= 9 {
				return true
			}
		case r != ' ' && r != '-' && r != '/':
			digits = 0
		}
	}
	return false
}

// intern returns the phrase of the kind and text, a new one if need be; false for a text of nothing.
func (b *Book) intern(kind Kind, text string) (uint32, bool) {
	text = cut(text)
	key := fold(text)
	if key == "" {
		return 0, false
	}
	if i, ok := b.byKey[kind][key]; ok {
		return i, true
	}
	p := phrase{text: strings.Clone(text), key: key, kind: kind}
	i := uint32(len(b.phrases))
	if n := len(b.free); n > 0 {
		i, b.free = b.free[n-1], b.free[:n-1]
		b.phrases[i] = p
	} else {
		b.phrases = append(b.phrases, p)
	}
	b.byKey[kind][key] = i
	for _, at := range beginnings(key) {
		b.marks.insert(mark{key: key[at:], phrase: i})
	}
	return i, true
}

func (b *Book) drop(i uint32) {
	p := &b.phrases[i]
	for _, at := range beginnings(p.key) {
		b.marks.remove(mark{key: p.key[at:], phrase: i})
	}
	delete(b.byKey[p.kind], p.key)
	*p = phrase{}
	b.free = append(b.free, i)
}

// cut shortens a text to MaxPhrase bytes, at the end of a word where there is one.
func cut(text string) string {
	text = strings.TrimSpace(text)
	if len(text) <= MaxPhrase {
		return text
	}
	end := MaxPhrase
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	if space := strings.LastIndexByte(text[:end], ' '); space > end/2 {
		end = space
	}
	return text[:end]
}

// fold is the form in which phrases and prefixes are compared: lower case, runs of spaces and signs as one space.
func fold(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsPunct(r) || r == utf8.RuneError {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		if r >= 0xff01 && r <= 0xff5e {
			r -= 0xfee0
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// beginnings are the places in a folded text where a word begins, or a character of a script that writes no spaces.
func beginnings(key string) []int {
	var at []int
	start := true
	for i, r := range key {
		if len(at) == maxBeginnings {
			break
		}
		if r == ' ' {
			start = true
			continue
		}
		if start || r >= 0x2e80 {
			at = append(at, i)
		}
		start = false
	}
	return at
}

// Complete returns at most limit phrases that begin with the prefix at one of their words, best first, each text once. Usable
// says of a query whether it would find anything.
func (b *Book) Complete(prefix string, limit int, now time.Time, usable func(string) bool) []string {
	prefix = fold(prefix)
	if prefix == "" || limit <= 0 {
		return nil
	}
	// More than limit are kept, because the same text may stand there as a query and as a title, or be of no use.
	f := finder{book: b, now: now, found: make([]scored, 0, 4*limit+1), most: 4 * limit}
	f.look(prefix)
	if len(f.found) == 0 {
		misspelt(prefix, b.marks.has, f.look)
	}
	// Of equal ones the first by its text is shown first.
	slices.SortStableFunc(f.found, func(x, y scored) int {
		return cmp.Or(cmp.Compare(y.score, x.score), strings.Compare(b.phrases[x.phrase].key, b.phrases[y.phrase].key))
	})
	var texts []string
	seen := map[string]bool{}
	for _, s := range f.found {
		p := &b.phrases[s.phrase]
		if seen[p.key] || (p.kind == Query && !usable(p.text)) {
			continue
		}
		seen[p.key] = true
		if texts = append(texts, p.text); len(texts) == limit {
			break
		}
	}
	return texts
}

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
	book  *Book
	now   time.Time
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
func (f *finder) look(prefix string) {
	f.book.marks.each(prefix, f.least, func(m mark, place uint64) {
		p := &f.book.phrases[m.phrase]
		if p.kind == Query && p.askerCount < minAskers {
			return
		}
		s := scored{m.phrase, float32(p.score(f.now, len(m.key) == len(p.key))), place}
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

// score is higher for what is used more, for what people typed, and for a match at the very beginning.
func (p *phrase) score(now time.Time, whole bool) float64 {
	score := 0.5
	switch p.kind {
	case Query:
		score = 3 + math.Log1p(p.faded(now))
	case Category:
		score = 1.5 + math.Log1p(p.uses)
	case Brand:
		score = 1 + math.Log1p(p.uses)
	}
	if whole {
		score++
	}
	return score
}
