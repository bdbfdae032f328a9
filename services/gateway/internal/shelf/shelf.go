// Package shelf keeps a short document of every item, ready to be put into an answer without another hop.
package shelf

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// MaxDescription is how many bytes of a description stand in an answer; the whole is at GET /v1/items/{id}.
const MaxDescription = 512

// Entry is what an answer needs to know of an item. It is not changed once it is on the shelf.
type Entry struct {
	// Document is the item as compact JSON, its description cut to [MaxDescription].
	Document []byte
	// Brand and Category are digests for counting, 0 when the item has none.
	Brand, Category uint32
	Buyable         bool
}

const shards = 64

// Shelf maps ids to entries. Its methods may be called at once. The zero value is not ready; see [New].
type Shelf struct {
	seed  maphash.Seed
	count atomic.Int64
	parts [shards]struct {
		sync.RWMutex
		entries map[shop.ItemID]*Entry
	}
}

// New returns an empty shelf.
func New() *Shelf {
	s := &Shelf{seed: maphash.MakeSeed()}
	for i := range s.parts {
		s.parts[i].entries = map[shop.ItemID]*Entry{}
	}
	return s
}

// Put adds item or replaces it.
func (s *Shelf) Put(item *shop.Item) error {
	short := *item
	short.Description = cut(item.Description, MaxDescription)
	document, err := json.Marshal(&short)
	if err != nil {
		return fmt.Errorf("encode item %s: %w", item.ID, err)
	}
	e := &Entry{Document: document, Brand: digest(item.Brand), Category: digest(item.Category()), Buyable: item.Buyable()}
	id := shop.ItemID(strings.Clone(string(item.ID)))
	part := &s.parts[s.part(id)]
	part.Lock()
	defer part.Unlock()
	if part.entries[id] == nil {
		s.count.Add(1)
	}
	part.entries[id] = e
	return nil
}

// Delete removes item id.
func (s *Shelf) Delete(id shop.ItemID) {
	part := &s.parts[s.part(id)]
	part.Lock()
	defer part.Unlock()
	if part.entries[id] != nil {
		s.count.Add(-1)
	}
	delete(part.entries, id)
}

// Get returns the entry of item id, or nil.
func (s *Shelf) Get(id shop.ItemID) *Entry {
	part := &s.parts[s.part(id)]
	part.RLock()
	e := part.entries[id]
	part.RUnlock()
	return e
}

// Len returns how many items there are.
func (s *Shelf) Len() int { return int(s.count.Load()) }

func (s *Shelf) part(id shop.ItemID) uint64 { return maphash.String(s.seed, string(id)) % shards }

// cut returns the first most bytes of s, or a little less so that no character is split, with an ellipsis when something is gone.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// digest shortens text to 32 bits, never 0 unless text is "".
func digest(text string) uint32 {
	if text == "" {
		return 0
	}
	h := uint32(2166136261)
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return max(h, 1)
}
