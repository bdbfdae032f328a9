package feature

import (
	"math"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Field says where in an item a term stands. It is a set: one bit each.
type Field uint8

// The fields of an item that terms are taken from.
const (
	InTitle Field = 1 << iota
	InBrand
	InCategory
	InAttribute
)

// Attribute is one value of one facet of an item, both as hashes: the second holds for the key and the value together.
type Attribute struct{ Key, Value uint32 }

// maxAttributes bounds the attributes kept of one item, by the order of their keys.
const maxAttributes = 8

// maxTerms bounds the terms kept of one item: attributes come last and are what is dropped.
const maxTerms = 96

// Depths are the levels at which categories are compared: the broadest, the middle one and the narrowest.
const Depths = 3

// Facts are what the catalogue says of an item, in the form that vectors need. They are never changed once made.
type Facts struct {
	ID   shop.ItemID
	Hash ItemHash
	// Brand is a hash of the brand; 0 means none.
	Brand uint32
	// Category holds a hash of the path down to each depth; 0 means none. A short path repeats its last level.
	Category [Depths]uint32
	// LogPrice is ln(1 + price); 0 means unknown.
	LogPrice float32
	// Created is when the item came into the shop in unix milliseconds; 0 means unknown.
	Created int64
	// Terms are hashes of the stems of the item's words, ascending, each once; Fields says where each stands.
	Terms  []uint32
	Fields []Field
	// TitleTerms is how many of Terms stand in the title; TitleMarks has one bit of 128 set for each, by its hash, so that
	// two titles are compared at once.
	TitleTerms int
	TitleMarks [2]uint64
	// Attributes are the facets of the item, in the order of their keys.
	Attributes []Attribute
	// Buyable is false for what is out of stock.
	Buyable bool
}

// HashTerm returns the hash of a token's stem; never 0.
func HashTerm(token string) uint32 { return nonzero(uint32(hash64(Stem(token)))) }

// NewFacts reads the facts of an item.
func NewFacts(item *shop.Item) *Facts {
	f := &Facts{ID: item.ID, Hash: HashItem(item.ID), Buyable: item.Buyable()}
	if item.Price > 0 {
		f.LogPrice = float32(math.Log1p(item.Price))
	}
	if !item.CreatedAt.IsZero() {
		f.Created = millisOf(item.CreatedAt)
	}
	if brand := strings.TrimSpace(item.Brand); brand != "" {
		f.Brand = nonzero(uint32(hash64(strings.ToLower(brand))))
	}
	f.Category = depths(item.Categories)
	f.setTerms(item)
	return f
}

func nonzero(hash uint32) uint32 { return max(hash, 1) }

// depths hashes the path down to its first, middle and last level.
func depths(path []string) (hashes [Depths]uint32) {
	if len(path) == 0 {
		return hashes
	}
	last := len(path) - 1
	for depth, level := range [Depths]int{0, min(max(1, last/2), last), last} {
		hashes[depth] = nonzero(uint32(hash64(strings.ToLower(strings.Join(path[:level+1], "\x1f")))))
	}
	return hashes
}

// placed is a term and where it stands.
type placed struct {
	term  uint32
	field Field
}

// setTerms collects the terms of all fields. Attributes are walked by key, so that the cut at maxTerms is always the same.
func (f *Facts) setTerms(item *shop.Item) {
	var found []placed
	var tokens []string
	add := func(field Field, text string) {
		if tokens = Tokens(tokens[:0], text); len(found) < maxTerms {
			for _, token := range tokens[:min(len(tokens), maxTerms-len(found))] {
				found = append(found, placed{HashTerm(token), field})
			}
		}
	}
	add(InTitle, item.Title)
	for _, language := range sortedKeys(item.Titles) {
		add(InTitle, item.Titles[language])
	}
	add(InBrand, item.Brand)
	for _, category := range item.Categories {
		add(InCategory, category)
	}
	for _, key := range sortedKeys(item.Attributes) {
		for _, value := range item.Attributes[key] {
			add(InAttribute, value)
			if len(f.Attributes) < maxAttributes {
				hash := nonzero(uint32(hash64(key + "\x1f" + strings.ToLower(value))))
				f.Attributes = append(f.Attributes, Attribute{nonzero(uint32(hash64(key))), hash})
			}
		}
	}
	f.Attributes = slices.Clip(f.Attributes)
	slices.SortFunc(found, func(a, b placed) int { return int(int64(a.term) - int64(b.term)) })
	for _, p := range found {
		if n := len(f.Terms); n > 0 && f.Terms[n-1] == p.term {
			f.Fields[n-1] |= p.field
			continue
		}
		f.Terms, f.Fields = append(f.Terms, p.term), append(f.Fields, p.field)
	}
	f.Terms, f.Fields = slices.Clip(f.Terms), slices.Clip(f.Fields)
	for i, field := range f.Fields {
		if field&InTitle != 0 {
			f.TitleTerms++
			f.TitleMarks[f.Terms[i]/64%2] |= 1 << (f.Terms[i] % 64)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Where returns in which fields a term stands; 0 means nowhere.
func (f *Facts) Where(term uint32) Field {
	// Most items have 10 to 30 terms: halving beats walking from about 16 on.
	low, high := 0, len(f.Terms)
	for low < high {
		if middle := int(uint(low+high) >> 1); f.Terms[middle] < term {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(f.Terms) && f.Terms[low] == term {
		return f.Fields[low]
	}
	return 0
}
