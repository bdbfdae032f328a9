// Package shop is the vocabulary of an online shop: what every other package means by an item, a shopper, an event and a slate.
package shop

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ItemID names one sellable item. It is the shop's own key: 1 to 128 bytes of UTF-8 without spaces or control characters.
type ItemID string

// ShopperID names one shopper, signed in or not. Inside haggle it is always the pseudonym that the gateway made (a keyed
// hash of what the shop sent), never the shop's own identifier.
type ShopperID string

// SessionID names one visit of a shopper: a run of events with gaps under [SessionIdle].
type SessionID string

// RequestID names one query. It orders by time.
type RequestID string

// Placement names a spot on a page that asks for items: "search", "home", "item", "cart".
type Placement string

// SessionIdle is the gap between two events of a shopper that ends a session.
const SessionIdle = 30 * time.Minute

// Limits on an item, checked by [Item.Check].
const (
	MaxIDBytes          = 128
	MaxTitleBytes       = 1024
	MaxTitles           = 64
	MaxDescriptionBytes = 16 << 10
	MaxCategories       = 10
	MaxAttributes       = 128
	MaxValues           = 64
	MaxValueBytes       = 512
	MaxPrice            = 1e9
	MaxVector           = 1024
)

// maxLanguageBytes is the length that RFC 5646, section 4.4.1, asks an implementation to allow for a language tag.
const maxLanguageBytes = 35

// Availability says whether an item can be bought now.
type Availability string

// The availabilities of an item. The zero value counts as InStock.
const (
	InStock    Availability = "in_stock"
	OutOfStock Availability = "out_of_stock"
	Preorder   Availability = "preorder"
)

// Item is one entry of the catalogue.
type Item struct {
	ID    ItemID `json:"id"`
	Title string `json:"title"`
	// Titles holds the title in further languages, keyed by BCP 47 tag ("zh", "de").
	Titles      map[string]string `json:"titles,omitempty"`
	Description string            `json:"description,omitempty"`
	Brand       string            `json:"brand,omitempty"`
	// Categories is one path from broad to narrow: ["Clothing", "Jackets"].
	Categories []string `json:"categories,omitempty"`
	// Price is in units of Currency (not cents); 0 means unknown.
	Price    float64 `json:"price,omitempty"`
	Currency string  `json:"currency,omitempty"`
	// Attributes are facets: "colour" -> ["red"].
	Attributes   map[string][]string `json:"attributes,omitempty"`
	ImageURL     string              `json:"image_url,omitempty"`
	URL          string              `json:"url,omitempty"`
	Availability Availability        `json:"availability,omitempty"`
	// CreatedAt is when the item came into the shop; zero means unknown.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// Vector is the shop's own embedding of the item, of its text or of its picture: items whose vectors point in nearly the same
	// direction are taken for alike. All vectors of a shop have one length, up to [MaxVector].
	Vector []float32 `json:"vector,omitempty"`
}

// Buyable reports whether the item may be recommended: it is not out of stock.
func (it *Item) Buyable() bool { return it.Availability != OutOfStock }

// Category returns the narrowest category, or "".
func (it *Item) Category() string {
	if len(it.Categories) == 0 {
		return ""
	}
	return it.Categories[len(it.Categories)-1]
}

// FieldError says which field of a document is wrong and why. Field is a path such as "items[3].item_id".
type FieldError struct {
	Field  string
	Reason string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Check returns every fault of the item, joined, each a [*FieldError]; nil when it may enter the catalogue.
func (it *Item) Check() error {
	var errs []error
	fault := func(field, format string, args ...any) {
		errs = append(errs, &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if reason := IDFault(string(it.ID)); reason != "" {
		fault("id", "%s", reason)
	}
	text := func(field, s string, limit int) {
		if reason := textFault(s, limit); reason != "" {
			fault(field, "%s", reason)
		}
	}
	if strings.TrimSpace(it.Title) == "" {
		fault("title", "is empty")
	}
	text("title", it.Title, MaxTitleBytes)
	if len(it.Titles) > MaxTitles {
		fault("titles", "has %d languages, at most %d", len(it.Titles), MaxTitles)
	}
	for _, lang := range slices.Sorted(maps.Keys(it.Titles)) {
		text("titles."+lang, lang, maxLanguageBytes)
		text("titles."+lang, it.Titles[lang], MaxTitleBytes)
	}
	text("description", it.Description, MaxDescriptionBytes)
	text("brand", it.Brand, MaxValueBytes)
	text("url", it.URL, 2048)
	text("image_url", it.ImageURL, 2048)
	text("currency", it.Currency, 8)
	if len(it.Categories) > MaxCategories {
		fault("categories", "has %d levels, at most %d", len(it.Categories), MaxCategories)
	}
	for i, c := range it.Categories {
		text(fmt.Sprintf("categories[%d]", i), c, MaxValueBytes)
	}
	if math.IsNaN(it.Price) || it.Price < 0 || it.Price > MaxPrice {
		fault("price", "is %v, must be between 0 and %g", it.Price, float64(MaxPrice))
	}
	switch it.Availability {
	case "", InStock, OutOfStock, Preorder:
	default:
		fault("availability", "is %q, must be in_stock, out_of_stock or preorder", it.Availability)
	}
	if len(it.Attributes) > MaxAttributes {
		fault("attributes", "has %d keys, at most %d", len(it.Attributes), MaxAttributes)
	}
	for _, key := range slices.Sorted(maps.Keys(it.Attributes)) {
		values := it.Attributes[key]
		if key == "" {
			fault("attributes", "has an empty key")
		}
		text("attributes."+key, key, MaxValueBytes)
		if len(values) > MaxValues {
			fault("attributes."+key, "has %d values, at most %d", len(values), MaxValues)
		}
		for i, v := range values {
			text(fmt.Sprintf("attributes.%s[%d]", key, i), v, MaxValueBytes)
		}
	}
	if reason := VectorFault(it.Vector); reason != "" {
		fault("vector", "%s", reason)
	}
	return errors.Join(errs...)
}

// VectorFault says why a vector cannot be searched with; "" means that it can, or that there is none.
func VectorFault(vector []float32) string {
	if len(vector) > MaxVector {
		return fmt.Sprintf("has %d numbers, at most %d", len(vector), MaxVector)
	}
	zero := true
	for i, x := range vector {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return fmt.Sprintf("holds %v at [%d], which is not finite", x, i)
		}
		zero = zero && x == 0
	}
	if zero && len(vector) > 0 {
		return "holds zeros alone, so it has no direction"
	}
	return ""
}

// IDFault says why s cannot be the key of an item, a shopper or a session; "" means that it can.
func IDFault(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxIDBytes:
		return fmt.Sprintf("has %d bytes, at most %d", len(s), MaxIDBytes)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError {
			return fmt.Sprintf("holds the character %U, which no key may hold", r)
		}
	}
	return ""
}

func textFault(s string, limit int) string {
	if len(s) > limit {
		return fmt.Sprintf("has %d bytes, at most %d", len(s), limit)
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return fmt.Sprintf("holds the control character %U", r)
		}
	}
	return ""
}
