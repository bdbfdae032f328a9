// Package complete finishes what a shopper begins to type: with queries that others asked, categories, brands and titles.
//
// A phrase is found by the beginning of any of its first words, and of any of the first characters of a run in a script that
// writes no spaces. Where nothing begins so, the beginning is taken to be misspelt by one letter behind the first. Nothing here locks.
package complete

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/rows"
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

// Book holds the phrases. Make one with [New].
type Book struct {
	shelf shelf
	marks order
	// items are the numbers of each item's phrases.
	items rows.Rows
	row   []uint32
}

// New returns an empty book.
func New() *Book {
	b := &Book{shelf: shelf{seed: maphash.MakeSeed()}}
	b.marks.shelf = &b.shelf
	return b
}

// Len returns how many phrases the book holds.
func (b *Book) Len() int { return len(b.shelf.phrases) - len(b.shelf.free) }

// Bytes is the memory of the book.
func (b *Book) Bytes() int { return b.shelf.bytes() + b.marks.bytes() + b.items.Bytes() }

// Put makes the texts of it what item number n is found by; nil takes them away.
func (b *Book) Put(n uint32, it *shop.Item) {
	for int(n) >= b.items.Len() {
		b.items.Grow()
	}
	old := append(b.row[:0], b.items.Of(n)...)
	row := old
	if it != nil {
		row = b.addItem(it, old)
	}
	b.items.Set(n, row[len(old):])
	for _, i := range old {
		b.remove(i)
	}
	b.row = row
}

// addItem adds what an item can be found by, and appends the numbers to ids.
func (b *Book) addItem(it *shop.Item, ids []uint32) []uint32 {
	before := len(ids)
	add := func(kind Kind, text string) {
		if len(ids)-before < rows.Most {
			if i, ok := b.add(kind, text); ok {
				ids = append(ids, i)
			}
		}
	}
	add(Title, it.Title)
	// By the names of the languages: the order of a map would give other numbers each time.
	languages := make([]string, 0, len(it.Titles))
	for language := range it.Titles {
		languages = append(languages, language)
	}
	slices.Sort(languages)
	for _, language := range languages {
		if title := it.Titles[language]; title != it.Title {
			add(Title, title)
		}
	}
	add(Brand, it.Brand)
	for _, category := range it.Categories {
		add(Category, category)
	}
	return ids
}

// add tells that one more item has the phrase. It returns its number, and false for a text of nothing.
func (b *Book) add(kind Kind, text string) (uint32, bool) {
	i, ok := b.intern(kind, text)
	if ok {
		before := b.shelf.worth(markOf(i, 0))
		b.shelf.phrases[i].uses++
		b.raise(i, before)
	}
	return i, ok
}

// remove tells that one item fewer has the phrase.
func (b *Book) remove(i uint32) {
	p := &b.shelf.phrases[i]
	if p.uses--; p.uses == 0 {
		b.drop(i)
	}
}

// raise tells the order that a phrase is used more, unless that makes no difference to what it is worth, as for most uses.
func (b *Book) raise(i uint32, before worth) {
	if b.shelf.worth(markOf(i, 0)) == before {
		return
	}
	for n := range int(b.shelf.phrases[i].begins) {
		b.marks.raise(markOf(i, n))
	}
}

// Ask tells that a shopper, known by a hash, asked the query.
func (b *Book) Ask(text string, asker uint64, at time.Time) {
	if len(text) > MaxPhrase || private(text) {
		return
	}
	i, ok := b.intern(Query, text)
	if !ok {
		return
	}
	now, before := at.UnixMilli(), b.shelf.worth(markOf(i, 0))
	q := b.shelf.query(&b.shelf.phrases[i])
	if q.uses == 0 {
		q.usedAt = now
	}
	q.uses = q.faded(now) + 1
	q.usedAt = max(q.usedAt, now)
	if int(q.count) < minAskers && !slices.Contains(q.askers[:q.count], asker) {
		q.askers[q.count] = asker
		q.count++
	}
	b.raise(i, before)
	if b.shelf.byKey[Query].Len() > MaxQueries {
		b.evict(now)
	}
}

// evict drops the eighth of the queries that is used least.
func (b *Book) evict(now int64) {
	var all []*query
	for i := range b.shelf.asked {
		if q := &b.shelf.asked[i]; q.uses > 0 {
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(x, y *query) int {
		return cmp.Or(cmp.Compare(x.faded(now), y.faded(now)), slices.Compare(b.shelf.folded(&b.shelf.phrases[x.phrase]), b.shelf.folded(&b.shelf.phrases[y.phrase])))
	})
	for _, q := range all[:len(all)/8] {
		b.drop(q.phrase)
	}
}

// intern returns the phrase of the kind and text, a new one if need be; false for a text of nothing, and for one too many.
func (b *Book) intern(kind Kind, text string) (uint32, bool) {
	text = cut(text)
	key := fold(text)
	if key == "" {
		return 0, false
	}
	if i, ok := b.shelf.find(kind, key); ok {
		return i, true
	}
	if len(b.shelf.phrases) == mostPhrases && len(b.shelf.free) == 0 {
		return 0, false
	}
	i := b.shelf.put(kind, text, key)
	for n := range int(b.shelf.phrases[i].begins) {
		b.marks.insert(markOf(i, n))
	}
	return i, true
}

func (b *Book) drop(i uint32) {
	for n := range int(b.shelf.phrases[i].begins) {
		b.marks.remove(markOf(i, n))
	}
	b.shelf.drop(i)
}
