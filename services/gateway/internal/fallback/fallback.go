// Package fallback answers from the gateway's own memory when nobody else can: popular items, and a plain match of words.
package fallback

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// MaxTexts is how many items the word match knows. Matching scans them all: with 20,000 it takes about 2 ms, and a
// fallback that took longer would be none. Items beyond it are still found among the popular ones.
const MaxTexts = 20_000

// Store is what the gateway remembers for a bad day. Its methods may be called at once. The zero value is ready.
type Store struct {
	mu      sync.RWMutex
	popular []shop.ItemID
	rank    map[shop.ItemID]int
	rows    []row
	byID    map[shop.ItemID]int
}

// row is the text of one item, in lower case, title first.
type row struct {
	id         shop.ItemID
	title      string
	rest       string
	categories []string
}

// SetPopular replaces the popular items, best first.
func (s *Store) SetPopular(ids []shop.ItemID) {
	rank := make(map[shop.ItemID]int, len(ids))
	for i, id := range ids {
		rank[id] = i + 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.popular, s.rank = slices.Clone(ids), rank
}

// Put remembers the words of item.
func (s *Store) Put(item *shop.Item) {
	r := row{id: item.ID, title: strings.ToLower(item.Title), rest: strings.ToLower(item.Brand + " " + strings.Join(item.Categories, " ")), categories: item.Categories}
	for _, title := range item.Titles {
		r.rest += " " + strings.ToLower(title)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.byID[item.ID]; ok {
		s.rows[i] = r
		return
	}
	if len(s.rows) >= MaxTexts {
		return
	}
	if s.byID == nil {
		s.byID = map[shop.ItemID]int{}
	}
	s.byID[item.ID] = len(s.rows)
	s.rows = append(s.rows, r)
}

// Delete forgets item id.
func (s *Store) Delete(id shop.ItemID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.byID[id]
	if !ok {
		return
	}
	last := len(s.rows) - 1
	s.rows[i] = s.rows[last]
	s.byID[s.rows[i].id] = i
	s.rows[last] = row{}
	s.rows = s.rows[:last]
	delete(s.byID, id)
}

// Popular returns up to limit popular items of category ("" means any), best first. Before any were set it returns the
// items that it knows, in no special order.
func (s *Store) Popular(category string, limit int) []shop.ItemID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]shop.ItemID, 0, limit)
	for _, id := range s.popular {
		if len(found) == limit {
			return found
		}
		if category == "" || s.belongs(id, category) {
			found = append(found, id)
		}
	}
	for i := range s.rows {
		if len(found) == limit {
			break
		}
		r := &s.rows[i]
		if s.rank[r.id] == 0 && (category == "" || slices.Contains(r.categories, category)) {
			found = append(found, r.id)
		}
	}
	return found
}

func (s *Store) belongs(id shop.ItemID, category string) bool {
	i, ok := s.byID[id]
	return ok && slices.Contains(s.rows[i].categories, category)
}

// match is a row that holds some words of a query.
type match struct {
	row, points, rank int
}

// Match returns up to limit items that hold the words of query, and how many do in all: those with all words before those
// with fewer, words in the title before words elsewhere, popular items before others.
func (s *Store) Match(query, category string, limit int) ([]shop.ItemID, int) {
	words := strings.Fields(strings.ToLower(query))
	words = words[:min(len(words), 8)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []match
	all := 0
	for i := range s.rows {
		r := &s.rows[i]
		if category != "" && !slices.Contains(r.categories, category) {
			continue
		}
		hits, points := 0, 0
		for _, w := range words {
			if strings.Contains(r.title, w) {
				hits, points = hits+1, points+3
			} else if strings.Contains(r.rest, w) {
				hits, points = hits+1, points+2
			}
		}
		if hits == 0 {
			continue
		}
		if hits == len(words) {
			points += 100
			all++
		}
		rank := s.rank[r.id]
		if rank == 0 {
			rank = len(s.popular) + 1
		}
		found = append(found, match{i, points, rank})
	}
	if all > 0 {
		found = slices.DeleteFunc(found, func(m match) bool { return m.points < 100 })
	}
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(b.points, a.points), cmp.Compare(a.rank, b.rank), cmp.Compare(a.row, b.row))
	})
	ids := make([]shop.ItemID, 0, min(limit, len(found)))
	for _, m := range found[:min(limit, len(found))] {
		ids = append(ids, s.rows[m.row].id)
	}
	return ids, len(found)
}
