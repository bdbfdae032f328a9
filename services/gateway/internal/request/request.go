// Package request reads what callers ask for: searches, recommendations and the parameters of the smaller queries.
package request

import (
	"fmt"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/stock"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// Limits on a query.
const (
	MaxQuery      = 512
	MaxPageSize   = 100
	DefaultPage   = 20
	MaxDepth      = 1000
	MaxFilter     = 4096
	MaxFacets     = 20
	MaxContext    = 100
	MaxExclude    = 500
	maxToken      = 8192
	maxOrderBy    = 64
	maxPlacement  = 64
	maxLanguage   = 35
	maxIdentifier = 128
)

// Shopper says on whose behalf a query or an event comes, in the shop's own identifiers.
type Shopper struct {
	VisitorID string `json:"visitor_id,omitempty" maxLength:"128" doc:"The shop's identifier of the device or browser."`
	UserID    string `json:"user_id,omitempty" maxLength:"128" doc:"The shop's identifier of the account; it wins over visitor_id."`
	SessionID string `json:"session_id,omitempty" maxLength:"128" doc:"The visit; left out, gaps of 30 minutes end a session."`
}

// Search is the body of POST /v1/search.
type Search struct {
	Query string `json:"query,omitempty" maxLength:"512" doc:"What the shopper typed. Empty browses what the filter leaves."`
	Shopper
	PageSize        int      `json:"page_size,omitempty" minimum:"1" maximum:"100" default:"20" doc:"How many results to return."`
	PageToken       string   `json:"page_token,omitempty" maxLength:"8192" doc:"next_page_token of the answer before; the rest of the request must be the same."`
	Offset          int      `json:"offset,omitempty" minimum:"0" maximum:"1000" doc:"How many results to leave out; not together with page_token."`
	Filter          string   `json:"filter,omitempty" maxLength:"4096" doc:"Only items for which this expression holds, e.g. brand: ANY(\"acme\") AND price <= 20."`
	OrderBy         string   `json:"order_by,omitempty" maxLength:"64" doc:"\"\" or relevance, price, price desc, newest."`
	Facets          []string `json:"facets,omitempty" maxItems:"20" doc:"Keys to count over all matches: brand, category, price or an attribute."`
	Personalization string   `json:"personalization,omitempty" enum:"auto,off" doc:"Whether the shopper's history may move results."`
	Spell           string   `json:"spell,omitempty" enum:"auto,suggest,off" doc:"Whether a query that matches nothing is corrected."`
	Placement       string   `json:"placement,omitempty" maxLength:"64" doc:"Where the results will stand; search when left out."`
	Language        string   `json:"language,omitempty" maxLength:"35" doc:"BCP 47 language of the shopper."`
	Diversity       string   `json:"diversity,omitempty" enum:"auto,off,low,medium,high" doc:"How strongly one brand or category is kept from filling the page."`
	Explain         bool     `json:"explain,omitempty" doc:"Adds the scores behind each result."`
	// Vector is the shop's own embedding of what is looked for.
	Vector []float32 `json:"vector,omitempty" maxItems:"1024" doc:"The shop's own embedding of the query or of a picture, in the space of the items' vectors: items near it are found beside those that match the words."`
}

// Context is what the page around a recommendation shows.
type Context struct {
	ItemIDs     []string `json:"item_ids,omitempty" maxItems:"100" doc:"Items of the page."`
	Category    string   `json:"category,omitempty" maxLength:"512" doc:"Only items of this category, at any level."`
	Query       string   `json:"query,omitempty" maxLength:"512" doc:"What was searched before."`
	CartItemIDs []string `json:"cart_item_ids,omitempty" maxItems:"100" doc:"Items of the cart."`
}

// Recommend is the body of POST /v1/recommend/{placement}.
type Recommend struct {
	Placement string `json:"-"`
	Shopper
	Context         Context  `json:"context,omitzero"`
	PageSize        int      `json:"page_size,omitempty" minimum:"1" maximum:"100" default:"20" doc:"How many results to return."`
	PageToken       string   `json:"page_token,omitempty" maxLength:"8192" doc:"next_page_token of the answer before."`
	Filter          string   `json:"filter,omitempty" maxLength:"4096" doc:"Only items for which this expression holds."`
	ExcludeItemIDs  []string `json:"exclude_item_ids,omitempty" maxItems:"500" doc:"Items to leave out."`
	Personalization string   `json:"personalization,omitempty" enum:"auto,off" doc:"Whether the shopper's history may be used."`
	Diversity       string   `json:"diversity,omitempty" enum:"auto,off,low,medium,high" doc:"How strongly one brand or category is kept from filling the page."`
	Language        string   `json:"language,omitempty" maxLength:"35" doc:"BCP 47 language of the shopper."`
	Explain         bool     `json:"explain,omitempty" doc:"Adds the scores behind each result."`
	// Vector is the shop's own embedding of what is wanted.
	Vector []float32 `json:"vector,omitempty" maxItems:"1024" doc:"The shop's own embedding of what is wanted, in the space of the items' vectors: items near it are recommended beside others."`
}

// Related asks for items that go with one item.
type Related struct {
	ItemID   string
	Together bool
	Shopper
	PageSize int
	Explain  bool
}

// Trending asks for what many want now.
type Trending struct {
	Category string
	Shopper
	PageSize int
}

// Complete asks how a query might go on.
type Complete struct {
	Prefix   string
	Language string
	PageSize int
}

// ReadSearch reads a search; r holds the faults.
func ReadSearch(r *strict.Reader) Search {
	s := Search{PageSize: DefaultPage}
	for key := range r.Members {
		switch string(key) {
		case "query":
			s.Query = r.Text(MaxQuery)
		case "offset":
			s.Offset = r.Int(0, MaxDepth)
		case "order_by":
			s.OrderBy = r.Text(maxOrderBy)
		case "vector":
			s.Vector = queryVector(r)
		case "facets":
			s.Facets = texts(r, MaxFacets, maxIdentifier)
		case "spell":
			s.Spell = r.Choice("auto", "suggest", "off")
		case "placement":
			s.Placement = identifier(r, maxPlacement)
		case "page_size":
			s.PageSize = pageSize(r)
		case "page_token":
			s.PageToken = r.Text(maxToken)
		case "filter":
			s.Filter = r.Text(MaxFilter)
		case "personalization":
			s.Personalization = r.Choice("auto", "off")
		case "diversity":
			s.Diversity = diversity(r)
		case "language":
			s.Language = r.Text(maxLanguage)
		case "explain":
			s.Explain = r.Bool()
		default:
			s.read(r, key)
		}
	}
	if r.End(); r.Malformed() {
		return s
	}
	if s.Offset > 0 && s.PageToken != "" {
		r.FaultAt("offset", "cannot be used together with page_token")
	}
	if s.Offset+s.PageSize > MaxDepth {
		r.FaultAt("offset", "is %d, offset + page_size must be at most %d", s.Offset, MaxDepth)
	}
	if s.Query == "" && s.Filter == "" && len(s.Vector) == 0 && len(r.Faults()) == 0 {
		r.FaultAt("query", "is empty; a search needs a query, a vector or a filter")
	}
	return s
}

// ReadRecommend reads a recommendation request; an empty document asks with defaults.
func ReadRecommend(r *strict.Reader) Recommend {
	q := Recommend{PageSize: DefaultPage}
	for key := range r.Members {
		switch string(key) {
		case "context":
			q.Context = readContext(r)
		case "exclude_item_ids":
			q.ExcludeItemIDs = identifiers(r, MaxExclude)
		case "page_size":
			q.PageSize = pageSize(r)
		case "page_token":
			q.PageToken = r.Text(maxToken)
		case "filter":
			q.Filter = r.Text(MaxFilter)
		case "vector":
			q.Vector = queryVector(r)
		case "personalization":
			q.Personalization = r.Choice("auto", "off")
		case "diversity":
			q.Diversity = diversity(r)
		case "language":
			q.Language = r.Text(maxLanguage)
		case "explain":
			q.Explain = r.Bool()
		default:
			q.read(r, key)
		}
	}
	r.End()
	return q
}

func readContext(r *strict.Reader) Context {
	var c Context
	for key := range r.Members {
		switch string(key) {
		case "item_ids":
			c.ItemIDs = identifiers(r, MaxContext)
		case "category":
			c.Category = r.Text(shop.MaxValueBytes)
		case "query":
			c.Query = r.Text(MaxQuery)
		case "cart_item_ids":
			c.CartItemIDs = identifiers(r, MaxContext)
		}
	}
	return c
}

// read reads a member that says who asks; it leaves others unread.
func (s *Shopper) read(r *strict.Reader, key []byte) {
	switch string(key) {
	case "visitor_id":
		s.VisitorID = identifier(r, maxIdentifier)
	case "user_id":
		s.UserID = identifier(r, maxIdentifier)
	case "session_id":
		s.SessionID = identifier(r, maxIdentifier)
	}
}

// queryVector reads a vector that can be searched with.
func queryVector(r *strict.Reader) []float32 {
	before := len(r.Faults())
	vector := stock.Vector(r)
	if reason := shop.VectorFault(vector); reason != "" && len(r.Faults()) == before {
		r.Fault("%s", reason)
		return nil
	}
	return vector
}

func pageSize(r *strict.Reader) int {
	if r.Null() {
		return DefaultPage
	}
	before := len(r.Faults())
	n := r.Int(1, MaxPageSize)
	if len(r.Faults()) > before {
		return DefaultPage
	}
	return n
}

func diversity(r *strict.Reader) string { return r.Choice("auto", "off", "low", "medium", "high") }

// identifier reads a string that may be a key; "" is allowed and means none.
func identifier(r *strict.Reader, limit int) string {
	before := len(r.Faults())
	s := r.Text(limit)
	if s == "" || len(r.Faults()) > before {
		return ""
	}
	if reason := shop.IDFault(s); reason != "" {
		r.Fault("%s", reason)
		return ""
	}
	return s
}

// identifiers reads an array of keys, none of which may be empty.
func identifiers(r *strict.Reader, most int) []string {
	var ids []string
	r.Elements(most, func(int) bool {
		before := len(r.Faults())
		id := identifier(r, maxIdentifier)
		if id != "" {
			ids = append(ids, id)
		} else if len(r.Faults()) == before {
			r.Fault("is empty")
		}
		return true
	})
	return ids
}

func texts(r *strict.Reader, most, limit int) []string {
	var list []string
	r.Elements(most, func(int) bool {
		list = append(list, r.Text(limit))
		return true
	})
	return list
}

// ReadRelated reads the parameters of the items that go with item id.
func ReadRelated(id string, together bool, p *strict.Params) Related {
	q := Related{ItemID: id, Together: together, PageSize: p.Int("page_size", 1, MaxPageSize, DefaultPage), Explain: p.Bool("explain")}
	q.params(p)
	if reason := shop.IDFault(id); reason != "" {
		p.Fault("id", "%s", reason)
	}
	return q
}

// ReadTrending reads the parameters of the trending items.
func ReadTrending(p *strict.Params) Trending {
	q := Trending{Category: p.Text("category", shop.MaxValueBytes), PageSize: p.Int("page_size", 1, MaxPageSize, DefaultPage)}
	q.params(p)
	return q
}

// ReadComplete reads the parameters of an autocompletion.
func ReadComplete(p *strict.Params) Complete {
	q := Complete{Prefix: p.Text("q", MaxQuery), Language: p.Text("language", maxLanguage), PageSize: p.Int("page_size", 1, 20, 8)}
	if q.Prefix == "" && len(p.Peek()) == 0 {
		p.Fault("q", "is missing")
	}
	return q
}

// params reads who asks.
func (s *Shopper) params(p *strict.Params) {
	key := func(name string) string {
		id := p.Text(name, maxIdentifier)
		if reason := shop.IDFault(id); id != "" && reason != "" {
			p.Fault(name, "%s", reason)
		}
		return id
	}
	s.VisitorID, s.UserID, s.SessionID = key("visitor_id"), key("user_id"), key("session_id")
}

// CheckPlacement returns why placement cannot be one; "" when it can.
func CheckPlacement(placement string) string {
	if len(placement) > maxPlacement {
		return fmt.Sprintf("has %d bytes, at most %d", len(placement), maxPlacement)
	}
	return shop.IDFault(placement)
}
