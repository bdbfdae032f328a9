// Package stock reads the items that a shop lists.
package stock

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// Read reads an item, or the changes to one: what the document names is changed in item, null takes a field away, and maps
// are merged key by key (RFC 7396). It does not call Check; r holds the faults of the document.
func Read(r *strict.Reader, item shop.Item) shop.Item {
	for key := range r.Members {
		switch string(key) {
		case "id":
			item.ID = shop.ItemID(r.Text(shop.MaxIDBytes))
		case "title":
			item.Title = r.Text(shop.MaxTitleBytes)
		case "titles":
			item.Titles = mergeTexts(r, item.Titles)
		case "description":
			item.Description = r.Text(shop.MaxDescriptionBytes)
		case "brand":
			item.Brand = r.Text(shop.MaxValueBytes)
		case "categories":
			item.Categories = texts(r, shop.MaxCategories)
		case "price":
			item.Price = r.Float(0, shop.MaxPrice)
		case "currency":
			item.Currency = r.Text(8)
		case "attributes":
			item.Attributes = mergeLists(r, item.Attributes)
		case "image_url":
			item.ImageURL = r.Text(2048)
		case "url":
			item.URL = r.Text(2048)
		case "availability":
			item.Availability = shop.Availability(r.Choice(string(shop.InStock), string(shop.OutOfStock), string(shop.Preorder)))
		case "created_at":
			item.CreatedAt = readTime(r)
		case "updated_at":
			item.UpdatedAt = readTime(r)
		case "vector":
			item.Vector = Vector(r)
		}
	}
	return item
}

// Vector reads a vector, as an item or a query brings one.
func Vector(r *strict.Reader) []float32 {
	var vector []float32
	r.Elements(shop.MaxVector, func(int) bool {
		vector = append(vector, float32(r.Float(-math.MaxFloat32, math.MaxFloat32)))
		return true
	})
	return vector
}

func texts(r *strict.Reader, most int) []string {
	var list []string
	r.Elements(most, func(int) bool {
		list = append(list, r.Text(shop.MaxValueBytes))
		return true
	})
	return list
}

func mergeTexts(r *strict.Reader, old map[string]string) map[string]string {
	if r.Null() {
		return nil
	}
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string]string{}
	}
	for key := range r.Members {
		if r.Null() {
			delete(merged, string(key))
			continue
		}
		merged[string(key)] = r.Text(shop.MaxTitleBytes)
	}
	return merged
}

func mergeLists(r *strict.Reader, old map[string][]string) map[string][]string {
	if r.Null() {
		return nil
	}
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string][]string{}
	}
	for key := range r.Members {
		if r.Null() {
			delete(merged, string(key))
			continue
		}
		merged[string(key)] = slices.Clip(texts(r, shop.MaxValues))
	}
	return merged
}

func readTime(r *strict.Reader) time.Time {
	text := r.Text(64)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		r.Fault("is %.40q, must be a time such as 2026-11-20T12:00:00Z", text)
		return time.Time{}
	}
	return t.UTC()
}
