package gateway

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/page"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
)

// orders are the ways to sort results, by the names that the API has for them.
var orders = []struct{ text, value string }{{"Best match", ""}, {"Price up", "price"}, {"Price down", "price desc"}, {"Newest", "newest"}}

// facetNames are the filters beside results: the parameter of the page, which is the key of the API, and the heading.
var facetNames = []struct{ key, heading string }{{"category", "Category"}, {"brand", "Brand"}, {"price", "Price"}, {"colour", "Colour"}}

func (s *storefront) results(w http.ResponseWriter, r *http.Request) {
	in := r.URL.Query()
	query := strings.TrimSpace(in.Get("q"))
	at, _ := strconv.Atoi(in.Get("page"))
	at = min(max(at, 1), 40)
	q := request.Search{
		Query: query, Shopper: s.visitor(w, r), PageSize: resultItems, Offset: (at - 1) * resultItems, Filter: filterOf(in), OrderBy: in.Get("order"),
	}
	if in.Get("spell") == "off" {
		q.Spell = "off"
	}
	for _, f := range facetNames {
		q.Facets = append(q.Facets, f.key)
	}
	answer, err := s.desk.Search(r.Context(), q)
	if err != nil {
		s.problem(w, r, http.StatusBadRequest, "This search could not be read", err.Error())
		return
	}
	title := cmp.Or(query, in.Get("category"), in.Get("brand"), "All products")
	view := page.Results{
		Shell: s.shell(r, title, query), Shelf: s.asShelf(answer, "search", title, "", "search “"+title+"”"),
		Total: answer.TotalSize, Page: at, Active: activeOf(in),
	}
	view.Note = widened(answer)
	if answer.CorrectedQuery != "" {
		view.Corrected = &page.Link{Text: answer.CorrectedQuery, Href: with(in, "q", answer.CorrectedQuery)}
		view.AsTyped = page.Link{Text: query, Href: with(in, "spell", "off")}
	}
	if len(view.Active) > 1 {
		view.Unfiltered = unfiltered(in)
	}
	for _, o := range orders {
		view.Orders = append(view.Orders, page.Link{Text: o.text, Href: with(in, "order", o.value), Chosen: in.Get("order") == o.value})
	}
	for _, f := range answer.Facets {
		view.Facets = append(view.Facets, facetOf(in, f))
	}
	if at > 1 {
		view.Previous = with(in, "page", strconv.Itoa(at-1))
	}
	if at*resultItems < min(answer.TotalSize, 1000) {
		view.Next = with(in, "page", strconv.Itoa(at+1))
	}
	s.write(w, http.StatusOK, view)
}

// widened says to a shopper that not all words were asked for, or that none of them was found, and "" otherwise.
func widened(a *answer.Answer) string {
	says := func(what string) bool {
		return slices.ContainsFunc(a.Degraded, func(name string) bool { return strings.HasSuffix(name, what) })
	}
	switch {
	case says(":meant"):
		return "Nothing has these words. These products are the nearest to what they may mean."
	case a.QueryExpansion == "":
		return ""
	case says(":relaxed"):
		return "No exact match. The search was widened to products with “" + a.QueryExpansion + "”."
	}
	return "Few products hold all of these words. The search was widened: behind those stand products with “" + a.QueryExpansion + "”."
}

// activeOf returns the filters of an address, each with the address without it.
func activeOf(in url.Values) []page.Link {
	var active []page.Link
	for _, f := range facetNames {
		for i, value := range in[f.key] {
			if value == "" {
				continue
			}
			rest := maps.Clone(in)
			rest[f.key] = slices.Delete(slices.Clone(in[f.key]), i, i+1)
			rest.Del("page")
			active = append(active, page.Link{Text: f.heading + ": " + shown(f.key, value), Href: "/s?" + rest.Encode()})
		}
	}
	return active
}

// unfiltered returns the address of results without any filter.
func unfiltered(in url.Values) string {
	out := maps.Clone(in)
	out.Del("page")
	for _, f := range facetNames {
		out.Del(f.key)
	}
	return "/s?" + out.Encode()
}

// shown is a value of a facet as people read it.
func shown(key, value string) string {
	if key == "price" {
		return strings.ReplaceAll(value, "..", " – ")
	}
	return value
}

// filterOf turns the filters of an address into the API's language.
func filterOf(in url.Values) string {
	var parts []string
	for _, f := range facetNames {
		for _, value := range in[f.key] {
			switch {
			case value == "":
			case f.key == "price":
				parts = append(parts, "price: "+value)
			default:
				parts = append(parts, f.key+": ANY("+strconv.Quote(value)+")")
			}
		}
	}
	return strings.Join(parts, " AND ")
}

// with returns the address of the results with one parameter changed; a new filter or order begins at the first page, and a new query may
// be corrected again.
func with(in url.Values, key, value string) string {
	out := maps.Clone(in)
	if key != "page" {
		out.Del("page")
	}
	if key == "q" {
		out.Del("spell")
	}
	if value == "" {
		out.Del(key)
	} else {
		out.Set(key, value)
	}
	return "/s?" + out.Encode()
}

// facetValues is how many values of a facet are shown.
const facetValues = 10

func facetOf(in url.Values, f answer.Facet) page.Facet {
	key, facet, values := f.Key, page.Facet{Name: f.Key}, f.Values[:min(len(f.Values), facetValues)]
	if key == "category" {
		// Paths in their order put what is broad above what is narrow.
		values = slices.SortedFunc(slices.Values(values), func(a, b answer.Value) int { return cmp.Compare(a.Value, b.Value) })
	}
	for _, name := range facetNames {
		if name.key == key {
			facet.Name = name.heading
		}
	}
	for _, v := range values {
		value := v.Value
		chosen, href := in.Get(key) == value, with(in, key, value)
		if chosen {
			href = with(in, key, "")
		}
		text, depth := shown(key, value), 0
		if key == "category" {
			depth = min(strings.Count(value, " > "), 2)
			text = strings.TrimPrefix(value[strings.LastIndex(value, " > ")+1:], "> ")
		}
		facet.Values = append(facet.Values, page.Link{Text: text, Href: href, Count: v.Count, Depth: depth, Chosen: chosen})
	}
	return facet
}
