package gateway

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/page"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
)

// Sizes of the storefront's lists.
const (
	shelfItems   = 12
	resultItems  = 24
	suggestWords = 6
	suggestItems = 4
	cartLines    = 50
	departments  = 14
)

// storefront is the shop as a page for people: each of its lists is a query of the desk, with a receipt.
type storefront struct {
	desk *desk
	page *page.Page
	// departments are the links under the head, read now and then from the facet of an empty search.
	departments atomic.Pointer[links]
}

type links struct {
	list []page.Link
	made time.Time
}

// frontPage returns the storefront.
func (g *gateway) frontPage() http.Handler {
	s := &storefront{desk: g.desk, page: page.New()}
	r := chi.NewRouter()
	r.Use(pageHeaders)
	r.Get("/", s.home)
	r.Get("/s", s.results)
	r.Get("/p/{id}", s.detail)
	r.Get("/cart", s.cart)
	r.Get("/suggest", s.suggest)
	r.Get("/shelf/{placement}", s.shelf)
	r.Handle("/static/*", http.StripPrefix("/static/", http.FileServerFS(page.Static())))
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, http.StatusNotFound, "There is no such page", "The address may have been typed wrongly.")
	})
	return r
}

// pageHeaders keep the page from loading or running anything that is not ours.
func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		if strings.HasPrefix(r.URL.Path, "/static/") {
			h.Set("Cache-Control", "public, max-age=3600")
		} else {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// visitor names the browser by a cookie, made at the first visit. The API takes the same name from the page's script.
func (s *storefront) visitor(w http.ResponseWriter, r *http.Request) request.Shopper {
	session := ""
	if c, err := r.Cookie("haggle_session"); err == nil && shop.IDFault(c.Value) == "" {
		session = c.Value
	}
	if c, err := r.Cookie("haggle_visitor"); err == nil && shop.IDFault(c.Value) == "" {
		return request.Shopper{VisitorID: c.Value, SessionID: session}
	}
	id := fmt.Sprintf("w%016x%08x", rand.Uint64(), rand.Uint32())
	http.SetCookie(w, &http.Cookie{Name: "haggle_visitor", Value: id, Path: "/", MaxAge: 365 * 86400, SameSite: http.SameSiteLaxMode})
	return request.Shopper{VisitorID: id, SessionID: session}
}

// write sends a view; what cannot be drawn is a bug that a test of package page finds.
func (s *storefront) write(w http.ResponseWriter, status int, view any) {
	var b bytes.Buffer
	if err := s.page.Write(&b, view); err != nil {
		s.desk.log.Error("page not drawn", "error", err)
		http.Error(w, "this page could not be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (s *storefront) problem(w http.ResponseWriter, r *http.Request, status int, heading, text string) {
	s.write(w, status, page.Problem{Shell: s.shell(r, heading, ""), Heading: heading, Text: text})
}

// shell is what surrounds a page.
func (s *storefront) shell(r *http.Request, title, query string) page.Shell {
	count := 0
	for _, line := range cartOf(r) {
		count += line.quantity
	}
	return page.Shell{Shop: "haggle", Title: title, Query: query, CartCount: count, Categories: s.links(r.Context(), r.URL.Query().Get("category"))}
}

// links returns the departments, marked where one is chosen.
func (s *storefront) links(ctx context.Context, chosen string) []page.Link {
	have := s.departments.Load()
	if have == nil || s.desk.clock().Sub(have.made) > time.Minute {
		have = &links{made: s.desk.clock()}
		answer, err := s.desk.Search(ctx, request.Search{PageSize: 1, Facets: []string{"category"}, Personalization: "off"})
		if err == nil && len(answer.Facets) > 0 {
			for _, v := range answer.Facets[0].Values {
				// A path "A > B" lies below a department.
				if !strings.Contains(v.Value, " > ") && len(have.list) < departments {
					have.list = append(have.list, page.Link{Text: v.Value, Href: "/s?category=" + url.QueryEscape(v.Value)})
				}
			}
			s.departments.Store(have)
		}
	}
	list := slices.Clone(have.list)
	for i := range list {
		list[i].Chosen = list[i].Text == chosen
	}
	return list
}

func (s *storefront) home(w http.ResponseWriter, r *http.Request) {
	who := s.visitor(w, r)
	shelves := []page.Shelf{s.recommended(r.Context(), who, "home", nil)}
	if answer, err := s.desk.Trending(r.Context(), request.Trending{Shopper: who, PageSize: shelfItems}); err == nil {
		shelves = append(shelves, s.asShelf(answer, "trending", "Trending now", "what many want these days", "trending"))
	}
	s.write(w, http.StatusOK, page.Home{Shell: s.shell(r, "Welcome", ""), Shelves: shelves})
}

// recommended asks for a shelf of recommendations.
func (s *storefront) recommended(ctx context.Context, who request.Shopper, placement string, items []string) page.Shelf {
	q := request.Recommend{Placement: placement, Shopper: who, PageSize: shelfItems}
	title, note := "Picked for you", "from what you looked at, and what others did"
	if placement == "cart" {
		title, note, q.Context.CartItemIDs = "Goes well with your cart", "", items
	}
	answer, err := s.desk.Recommend(ctx, q)
	if err != nil {
		return page.Shelf{Placement: placement, Title: title, Note: "not available at the moment"}
	}
	shelf := s.asShelf(answer, placement, title, note, "recommend "+placement)
	shelf.Refresh = "/shelf/" + placement
	return shelf
}

// shelf draws a shelf anew, as the page asks when the shop has learnt something.
func (s *storefront) shelf(w http.ResponseWriter, r *http.Request) {
	who := s.visitor(w, r)
	var items []string
	for _, line := range cartOf(r) {
		items = append(items, line.id)
	}
	switch placement := chi.URLParam(r, "placement"); placement {
	case "home", "item":
		s.write(w, http.StatusOK, s.recommended(r.Context(), who, placement, nil))
	case "cart":
		s.write(w, http.StatusOK, s.recommended(r.Context(), who, placement, items))
	default:
		http.NotFound(w, r)
	}
}

func (s *storefront) detail(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	if plain, err := url.PathUnescape(id); err == nil {
		id = plain
	}
	who := s.visitor(w, r)
	item := s.desk.Item(shop.ItemID(id))
	if item == nil {
		s.problem(w, r, http.StatusNotFound, "This product is not here", "It may have been sold for the last time.")
		return
	}
	view := page.Detail{Shell: s.shell(r, item.Title, ""), Product: product(item)}
	related := []struct {
		together           bool
		placement, heading string
	}{{true, "bought_together", "Bought together"}, {false, "similar", "Similar products"}}
	for _, list := range related {
		answer, err := s.desk.Related(r.Context(), request.Related{ItemID: id, Together: list.together, Shopper: who, PageSize: shelfItems})
		if err == nil && len(answer.Results) > 0 {
			view.Shelves = append(view.Shelves, s.asShelf(answer, list.placement, list.heading, "", list.placement))
		}
	}
	view.Shelves = append(view.Shelves, s.recommended(r.Context(), who, "item", nil))
	s.write(w, http.StatusOK, view)
}

// line is an item of a cart as its cookie has it.
type line struct {
	id       string
	quantity int
}

// cartOf reads the cart's cookie: "item*quantity" joined by "!", ids percent-encoded.
func cartOf(r *http.Request) []line {
	c, err := r.Cookie("haggle_cart")
	if err != nil {
		return nil
	}
	var lines []line
	for part := range strings.SplitSeq(c.Value, "!") {
		encoded, count, _ := strings.Cut(part, "*")
		id, err := url.PathUnescape(encoded)
		quantity, _ := strconv.Atoi(count)
		if err == nil && shop.IDFault(id) == "" && quantity > 0 && quantity < 1000 && len(lines) < cartLines {
			lines = append(lines, line{id, quantity})
		}
	}
	return lines
}

func (s *storefront) cart(w http.ResponseWriter, r *http.Request) {
	view := page.Cart{Shell: s.shell(r, "Cart", "")}
	if ordered := r.URL.Query().Get("ordered"); shop.IDFault(ordered) == "" {
		view.Ordered = ordered
	}
	var items []string
	for _, line := range cartOf(r) {
		item := s.desk.Item(shop.ItemID(line.id))
		if item == nil {
			continue
		}
		items = append(items, line.id)
		view.Lines = append(view.Lines, page.Line{Product: product(item), Quantity: line.quantity})
		view.Total += item.Price * float64(line.quantity)
	}
	who := s.visitor(w, r)
	if len(items) > 0 {
		view.Shelves = append(view.Shelves, s.recommended(r.Context(), who, "cart", items))
	} else {
		view.Shelves = append(view.Shelves, s.recommended(r.Context(), who, "home", nil))
	}
	s.write(w, http.StatusOK, view)
}

func (s *storefront) suggest(w http.ResponseWriter, r *http.Request) {
	prefix := strings.TrimSpace(r.URL.Query().Get("q"))
	if prefix == "" || len(prefix) > request.MaxQuery {
		s.write(w, http.StatusOK, page.Suggestions{})
		return
	}
	var view page.Suggestions
	completions, err := s.desk.Complete(r.Context(), request.Complete{Prefix: prefix, PageSize: suggestWords})
	if err == nil {
		view.Completions = completions.Completions
	}
	if len(view.Completions) > 0 {
		answer, err := s.desk.Search(r.Context(), request.Search{Query: view.Completions[0], Shopper: s.visitor(w, r), PageSize: suggestItems})
		if err == nil {
			view.Products = s.asShelf(answer, "suggest", "", "", "").Products
		}
	}
	s.write(w, http.StatusOK, view)
}
