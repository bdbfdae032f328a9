package shopper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/haggle-commerce/haggle/services/bench/internal/caller"
)

// Ask posts a body to a path of the target and returns the answer.
type Ask func(ctx context.Context, path string, body []byte) ([]byte, error)

// ErrNoItems says that the target answers and has nothing to sell.
var ErrNoItems = errors.New("the target has no items that a search could find; load a catalogue first")

// everything are searches that list the catalogue; a target may refuse a search without query and filter.
var everything = [...]string{"", "available"}

const (
	discoverPage  = 100
	discoverPages = 10
)

// Discover pages through the target's catalogue and returns up to most different items: the first pages of a search for
// everything, then the first page of each category that it counts, so that all of the shop is known a little.
func Discover(ctx context.Context, ask Ask, most int) ([]Item, error) {
	d := discovery{ask: ask, most: most, seen: map[string]bool{}}
	var err error
	for _, filter := range everything {
		if err = d.page(ctx, filter, discoverPages); err == nil {
			break
		}
		if refused := (*caller.StatusError)(nil); !errors.As(err, &refused) || refused.Status >= 500 {
			return nil, fmt.Errorf("discover the catalogue: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("discover the catalogue: %w", err)
	}
	for _, category := range d.categories {
		if len(d.items) >= most {
			break
		}
		if err := d.page(ctx, "category: ANY("+strconv.Quote(category)+")", 1); err != nil {
			return nil, fmt.Errorf("discover the catalogue: %w", err)
		}
	}
	if len(d.items) == 0 {
		return nil, ErrNoItems
	}
	return d.items, nil
}

// discovery is what was found so far.
type discovery struct {
	ask        Ask
	most       int
	items      []Item
	seen       map[string]bool
	categories []string
}

// answer is what is read of a search's answer.
type answer struct {
	Results []struct {
		ID   string `json:"id"`
		Item struct {
			Title      string   `json:"title"`
			Brand      string   `json:"brand"`
			Categories []string `json:"categories"`
		} `json:"item"`
	} `json:"results"`
	Facets []struct {
		Key    string `json:"key"`
		Values []struct {
			Value string `json:"value"`
		} `json:"values"`
	} `json:"facets"`
	Next string `json:"next_page_token"`
}

// page reads up to pages pages of what matches filter.
func (d *discovery) page(ctx context.Context, filter string, pages int) error {
	token := ""
	for range pages {
		search := map[string]any{"query": "", "page_size": discoverPage, "facets": []string{"category"}, "personalization": "off"}
		if filter != "" {
			search["filter"] = filter
		}
		if token != "" {
			search["page_token"] = token
		}
		raw, err := d.ask(ctx, "/v1/search", post("", search).Body)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return fmt.Errorf("decode the answer of /v1/search: %w", err)
		}
		d.add(&a)
		if token = a.Next; token == "" || len(a.Results) == 0 || len(d.items) >= d.most {
			return nil
		}
	}
	return nil
}

// add keeps the items that are new, and the categories of the first answer that counts any.
func (d *discovery) add(a *answer) {
	for _, r := range a.Results {
		if r.ID == "" || d.seen[r.ID] || len(d.items) >= d.most {
			continue
		}
		d.seen[r.ID] = true
		it := Item{ID: r.ID, Title: r.Item.Title, Brand: r.Item.Brand}
		if n := len(r.Item.Categories); n > 0 {
			it.Category = r.Item.Categories[n-1]
		}
		d.items = append(d.items, it)
	}
	if d.categories != nil {
		return
	}
	for _, facet := range a.Facets {
		if facet.Key == "category" {
			for _, v := range facet.Values {
				d.categories = append(d.categories, v.Value)
			}
		}
	}
}
