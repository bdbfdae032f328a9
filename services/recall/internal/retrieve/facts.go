package retrieve

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// Facts are what filters ask of an item, folded as they compare. They are the same that the own catalogue holds, so that a filter
// means the same in every back end.
type Facts struct {
	Brand string
	// Category holds each level of the path twice: as the path up to it, and by its name.
	Category     []string
	Availability string
	Available    bool
	// Price and Created, in unix seconds, are 0 when unknown.
	Price   float64
	Created int64
	// Attributes are made by [Token].
	Attributes []string
	// Numbers are the values that are numbers, of attributes, brands and paths.
	Numbers []Number
}

// Number is a value of an item that is a number.
type Number struct {
	Key   string  `json:"key"`
	Value float64 `json:"value"`
}

// Token stands for the value of an attribute: both folded, with a control character between, which neither may hold.
func Token(key, value string) string { return key + "\x1f" + Fold(value) }

// Fold is the form in which values are compared.
func Fold(value string) string { return strings.ToLower(strings.TrimSpace(value)) }

// FactsOf returns the facts of an item.
func FactsOf(it *shop.Item) Facts {
	f := Facts{Brand: Fold(it.Brand), Availability: string(it.Availability), Available: it.Buyable(), Price: it.Price}
	if f.Availability == "" {
		f.Availability = string(shop.InStock)
	}
	if !it.CreatedAt.IsZero() {
		f.Created = it.CreatedAt.Unix()
	}
	f.number(catalogue.KeyBrand, f.Brand)
	path := ""
	for _, level := range it.Categories {
		if level = Fold(level); level == "" {
			continue
		}
		if path != "" {
			path += catalogue.PathSeparator
		}
		path += level
		f.Category = append(f.Category, path, level)
		f.number(catalogue.KeyCategory, path)
	}
	for name, values := range it.Attributes {
		if name = catalogue.FoldKey(name); catalogue.Reserved(name) {
			continue
		}
		for _, value := range values {
			if value = Fold(value); value != "" {
				f.Attributes = append(f.Attributes, Token(name, value))
				f.number(name, value)
			}
		}
	}
	f.Category = unique(f.Category)
	f.Attributes = unique(f.Attributes)
	slices.SortFunc(f.Numbers, func(a, b Number) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	f.Numbers = slices.Compact(f.Numbers)
	return f
}

func unique(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}

// number notes a value that is a finite number.
func (f *Facts) number(key, folded string) {
	if x, err := strconv.ParseFloat(folded, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
		f.Numbers = append(f.Numbers, Number{Key: key, Value: x})
	}
}

// Texts are what is searched by words, field by field.
type Texts struct {
	// Title holds the title in every language, the main one first.
	Title, Category, Attributes []string
	Brand, Description          string
}

// TextsOf returns the texts of an item.
func TextsOf(it *shop.Item) Texts {
	t := Texts{Title: []string{it.Title}, Category: it.Categories, Brand: it.Brand, Description: it.Description}
	for _, language := range slices.Sorted(maps.Keys(it.Titles)) {
		if title := it.Titles[language]; !slices.Contains(t.Title, title) {
			t.Title = append(t.Title, title)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(it.Attributes)) {
		t.Attributes = append(t.Attributes, it.Attributes[name]...)
	}
	return t
}
