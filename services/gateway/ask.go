package gateway

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/assemble"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// ask is a query of any kind, in our own terms.
type ask struct {
	purpose   wire.Purpose
	placement string
	query     string
	shopper   shop.ShopperID
	session   shop.SessionID
	context   []string
	category  string
	filter    string
	orderBy   string
	facets    []string
	exclude   []string
	size      int
	offset    int
	pageToken string
	diversity assemble.Level
	anonymous bool
	explain   bool
	spell     string
	language  string
	// vector is the asker's own, as the wire has it.
	vector []byte
	// now is the moment that every decay is relative to; begin is when the query came in.
	now, begin time.Time
	shown      []uint32
	digest     uint64
}

func (d *desk) askSearch(k *keys, q *request.Search) ask {
	a := ask{
		purpose: wire.Purpose_PURPOSE_SEARCH, placement: cmp.Or(q.Placement, "search"), query: strings.TrimSpace(q.Query), filter: q.Filter,
		orderBy: q.OrderBy, facets: q.Facets, size: q.PageSize, offset: q.Offset, pageToken: q.PageToken, spell: q.Spell,
		language: q.Language, anonymous: q.Personalization == "off", explain: q.Explain, diversity: assemble.LevelOf(q.Diversity, assemble.Off),
		vector: wire.AppendFloats(nil, q.Vector),
	}
	a.from(k, &q.Shopper)
	return a
}

func (d *desk) askRecommend(k *keys, q *request.Recommend) ask {
	a := ask{
		purpose: wire.Purpose_PURPOSE_RECOMMEND, placement: q.Placement, query: strings.TrimSpace(q.Context.Query), category: q.Context.Category,
		context: append(append([]string(nil), q.Context.ItemIDs...), q.Context.CartItemIDs...), filter: q.Filter, exclude: q.ExcludeItemIDs,
		size: q.PageSize, pageToken: q.PageToken, language: q.Language, anonymous: q.Personalization == "off", explain: q.Explain,
		vector: wire.AppendFloats(nil, q.Vector),
	}
	auto := assemble.Low
	if a.category != "" {
		// Who asks for one category wants it: only brands are kept apart.
		auto = assemble.Medium
	}
	a.diversity = assemble.LevelOf(q.Diversity, auto)
	a.from(k, &q.Shopper)
	return a
}

func (d *desk) askRelated(k *keys, q *request.Related) ask {
	a := ask{purpose: wire.Purpose_PURPOSE_SIMILAR, placement: "similar", context: []string{q.ItemID}, size: q.PageSize, explain: q.Explain}
	if q.Together {
		a.purpose, a.placement = wire.Purpose_PURPOSE_TOGETHER, "bought_together"
	}
	a.from(k, &q.Shopper)
	return a
}

func (d *desk) askTrending(k *keys, q *request.Trending) ask {
	a := ask{purpose: wire.Purpose_PURPOSE_TRENDING, placement: "trending", category: q.Category, size: q.PageSize}
	a.from(k, &q.Shopper)
	return a
}

func (a *ask) from(k *keys, s *request.Shopper) {
	a.shopper, a.session = k.pseudonyms.Shopper(s.UserID, s.VisitorID), k.pseudonyms.Session(s.SessionID)
}

// continueFrom applies the page token, if there is one: the same moment, and without what was shown. The digest of the
// request binds the token to it.
func (a *ask) continueFrom(k *keys) error {
	a.digest = a.fingerprint()
	a.now = a.begin
	if a.pageToken == "" {
		return nil
	}
	page, err := k.pages.VerifyPage(a.pageToken, a.begin)
	switch {
	case err != nil:
		return problem.OfField("page_token", err.Error())
	case page.Query != a.digest:
		return problem.OfField("page_token", "belongs to another request: all fields but page_size must stay as they were")
	case page.Offset+a.size > request.MaxDepth:
		return problem.OfField("page_token", "leads beyond the last page")
	}
	a.now, a.offset, a.shown = page.Now, page.Offset, page.Shown
	return nil
}

// fingerprint is a digest of all that decides the order of the results.
func (a *ask) fingerprint() uint64 {
	h := fnv.New64a()
	text := func(parts ...string) {
		for _, p := range parts {
			h.Write([]byte(p))
			h.Write([]byte{0})
		}
		h.Write([]byte{1})
	}
	text(a.purpose.String(), a.placement, a.query, string(a.shopper), a.category, a.filter, a.orderBy, a.spell, a.language)
	text(a.context...)
	text(a.exclude...)
	h.Write(a.vector)
	h.Write([]byte{byte(a.diversity)})
	if a.anonymous {
		h.Write([]byte{1})
	}
	return h.Sum64()
}

// nextPage returns the token of the page after one that shows picks, or "" when there is none.
func (a *ask) nextPage(k *keys, shown []uint32, total, picked int, model string) string {
	offset := a.offset + picked
	if picked < a.size || offset >= min(total, request.MaxDepth) {
		return ""
	}
	page := token.Page{Query: a.digest, Now: a.now, Offset: offset, Model: model}
	// Where a page was reached by offset, what stood before is not known, and the order is all there is to go by.
	if a.offset == 0 || len(a.shown) > 0 {
		page.Shown = append(append(page.Shown, a.shown...), shown...)
	}
	return k.pages.SignPage(&page)
}

// ranked reports whether ranking may order the candidates: not when the caller chose an order, nor where the likeness of the
// items is the point.
func (a *ask) ranked() bool {
	switch a.purpose {
	case wire.Purpose_PURPOSE_SEARCH:
		return a.orderBy == "" || a.orderBy == "relevance"
	case wire.Purpose_PURPOSE_RECOMMEND:
		return true
	}
	return false
}

// purposeName is the purpose as it stands in metrics and reports.
func purposeName(p wire.Purpose) string {
	return [...]string{"search", "recommend", "similar", "bought_together", "trending", "autocomplete"}[p]
}

// errUnknownItem is what is said of items that the catalogue does not hold.
func errUnknownItem(id string) error {
	p := problem.New(http.StatusNotFound, problem.NotFound, "there is no such item")
	p.Errors = []problem.Field{{Field: "id", Reason: "is " + id + ", which the catalogue does not hold"}}
	return p
}
