package haggle

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/haggle-commerce/haggle/libs/servicetest"
)

// lanterns are items with words that no generated item has.
var lanterns = []map[string]any{
	{"id": "lantern-1", "title": "Zephyrine lantern of tin", "titles": map[string]string{"zh": "复古锡制风灯"}, "brand": "Lumenor", "price": 20.0, "attributes": map[string][]string{"colour": {"Red"}}},
	{"id": "lantern-2", "title": "Zephyrine lantern of glass", "titles": map[string]string{"zh": "玻璃风灯"}, "brand": "Lumenor", "price": 30.0, "attributes": map[string][]string{"colour": {"Blue"}}},
	{"id": "lantern-3", "title": "Zephyrine lantern of paper", "titles": map[string]string{"zh": "纸灯笼"}, "brand": "Lumenor", "price": 40.0, "attributes": map[string][]string{"colour": {"Red"}}},
	{"id": "lantern-4", "title": "Zephyrine lantern of brass", "titles": map[string]string{"zh": "黄铜风灯"}, "brand": "Fernwick", "price": 50.0, "attributes": map[string][]string{"colour": {"Blue"}}},
	{"id": "lantern-5", "title": "Zephyrine lantern of oak", "titles": map[string]string{"zh": "橡木风灯"}, "brand": "Fernwick", "price": 60.0, "attributes": map[string][]string{"colour": {"Red"}}},
}

var lanternIDs = []string{"lantern-1", "lantern-2", "lantern-3", "lantern-4", "lantern-5"}

// testBrowserSearch looks for things as shoppers do who type wrongly, in Chinese, too much and too little, and who filter.
func testBrowserSearch(t *testing.T, c *client) {
	ctx := browser(t)
	for _, item := range lanterns {
		item["categories"] = []string{"Lighting", "Lanterns"}
		if status, _, text, err := c.do(http.MethodPut, "/v1/items/"+item["id"].(string), item, nil); status >= 300 || err != nil {
			t.Fatalf("put: %d %s %v", status, text, err)
		}
	}
	servicetest.Eventually(t, 10*time.Second, func() error {
		if n := len(c.search(t, "v1", "zephyrine").Results); n != len(lanterns) {
			return fmt.Errorf("search finds %d items, want %d", n, len(lanterns))
		}
		return nil
	})
	// The browser lives as long as the context that it is first used with, so that is not the one of a step.
	if err := chromedp.Do(ctx, chromedp.Navigate(c.url+"/")); err != nil {
		t.Fatal(err)
	}
	s := searcher{t, ctx, c.url}
	s.run("typos", searcher.misspelling)
	s.run("Chinese", searcher.chinese)
	s.run("facets and filters", searcher.filtering)
	s.run("relaxation", searcher.widening)
	s.run("autocomplete", searcher.finishing)
	if failed := read[[]string](t, ctx, `performance.getEntriesByType("resource").filter((r) => r.responseStatus >= 400).map((r) => r.name)`); len(failed) > 0 {
		t.Errorf("these did not load: %v", failed)
	}
}

// searcher is a shopper at the storefront, within one test.
type searcher struct {
	t   *testing.T
	ctx context.Context
	url string
}

func (s searcher) run(name string, f func(searcher)) {
	s.t.Run(name, func(t *testing.T) { f(searcher{t, s.ctx, s.url}) })
}

// step does something, and keeps a picture of what it leads to.
func (s searcher) step(name string, actions ...chromedp.Action[chromedp.Void]) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.ctx, 30*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	shoot(s.t, s.ctx, "search-"+name)
}

// look types a query at the front page.
func (s searcher) look(name, query string) {
	s.t.Helper()
	s.step(name, chromedp.Navigate(s.url+"/"), chromedp.WaitVisible("#q"), chromedp.SendKeys("#q", query+"\r"), chromedp.WaitVisible(".results"))
}

// shown returns the items of the page, sorted.
func (s searcher) shown() []string {
	s.t.Helper()
	ids := read[[]string](s.t, s.ctx, `[...document.querySelectorAll(".results .card")].map((card) => card.dataset.item)`)
	slices.Sort(ids)
	return ids
}

// text returns what an element says, "" when there is none.
func (s searcher) text(selector string) string {
	s.t.Helper()
	return read[string](s.t, s.ctx, fmt.Sprintf(`(document.querySelector(%q) || {innerText: ""}).innerText`, selector))
}

func (s searcher) expect(what string, want ...string) {
	s.t.Helper()
	if got := s.shown(); !slices.Equal(got, want) {
		s.t.Errorf("%s shows %v, want %v", what, got, want)
	}
}

func (s searcher) misspelling() {
	s.look("typo", "zephirine lantrn")
	if note := s.text("#corrected"); !strings.Contains(note, "Showing results for zephyrine lantern") {
		s.t.Errorf("the note is %q, want the corrected query", note)
	}
	s.expect("a misspelt query", lanternIDs...)
	s.step("typed", chromedp.Click("#corrected .typed"), chromedp.WaitNotPresent("#corrected"), chromedp.WaitVisible(".results"))
	s.near("what was typed")
}

func (s searcher) chinese() {
	s.look("chinese", "风灯")
	s.expect("a Chinese query", "lantern-1", "lantern-2", "lantern-4", "lantern-5")
	s.look("chinese-two", "黄铜 风灯")
	if ids := read[[]string](s.t, s.ctx, `[...document.querySelectorAll(".results .card")].map((card) => card.dataset.item)`); len(ids) == 0 || ids[0] != "lantern-4" {
		s.t.Errorf("a Chinese query of two words shows %v, want lantern-4 first", ids)
	}
}

func (s searcher) filtering() {
	s.look("facets", "zephyrine lantern")
	facet := func(name string) string {
		return read[string](s.t, s.ctx, fmt.Sprintf(`[...document.querySelectorAll(".facets fieldset")].filter((f) => f.querySelector("legend").innerText === %q).flatMap((f) => [...f.querySelectorAll("a")].map((a) => a.innerText.replace(/\s+/g, " "))).join("|")`, name))
	}
	if got, want := facet("Brand"), "Lumenor 3|Fernwick 2"; got != want {
		s.t.Errorf("the facet of brands is %q, want %q", got, want)
	}
	if got, want := facet("Colour"), "Red 3|Blue 2"; got != want {
		s.t.Errorf("the facet of colours is %q, want %q", got, want)
	}
	s.step("filtered", chromedp.Click(`.facets a[href*="brand=Fernwick"]`), chromedp.WaitVisible(".chips"))
	s.expect("a brand", "lantern-4", "lantern-5")
	if got, want := facet("Colour"), "Blue 1|Red 1"; got != want {
		s.t.Errorf("with a brand chosen the facet of colours is %q, want %q", got, want)
	}
	if got := facet("Brand"); !strings.Contains(got, "Lumenor 3") {
		s.t.Errorf("with a brand chosen the facet of brands is %q, want the others to be there", got)
	}
	s.step("twice-filtered", chromedp.Click(`.facets a[href*="colour=Red"]`), chromedp.WaitVisible(".chips .all"))
	s.expect("a brand and a colour", "lantern-5")
	if got, want := strings.Join(strings.Fields(s.text(".chips")), " "), "Brand: Fernwick × Colour: Red × Clear all"; got != want {
		s.t.Errorf("the chips say %q, want %q", got, want)
	}
	s.step("chip-removed", chromedp.Click(`.chips a[aria-label$="Brand: Fernwick"]`), chromedp.WaitNotPresent(".chips .all"))
	s.expect("the colour alone", "lantern-1", "lantern-3", "lantern-5")
	s.step("price", chromedp.Navigate(s.url+"/s?q=zephyrine&colour=Red&price=30..45"), chromedp.WaitVisible(".chips .all"))
	s.expect("a colour and a range of prices", "lantern-3")
	s.step("cleared", chromedp.Click(".chips .all"), chromedp.WaitNotPresent(".chips"))
	s.expect("no filter", lanternIDs...)
}

func (s searcher) widening() {
	s.look("relaxed", "zephyrine qqxxyyzz")
	if note := s.text("#widened"); !strings.Contains(note, "No exact match") || !strings.Contains(note, "zephyrine") {
		s.t.Errorf("the note is %q, want what the search was widened to", note)
	}
	s.expect("a query with a word that nothing has", lanternIDs...)
	s.look("nothing", "qqxxyyzz")
	s.near("a word that nothing has")
}

// near expects a page that holds nothing, or says that nothing holds the words and what it shows instead.
func (s searcher) near(what string) {
	s.t.Helper()
	if note := s.text("#widened"); s.text(".results .empty") == "" && !strings.Contains(note, "Nothing has these words") {
		s.t.Errorf("%s shows %v with the note %q", what, s.shown(), note)
	}
}

func (s searcher) finishing() {
	suggest := func(name, typed, want string) {
		s.t.Helper()
		s.step(name, chromedp.Navigate(s.url+"/"), chromedp.WaitVisible("#q"), chromedp.SendKeys("#q", typed), chromedp.WaitVisible("#suggestions .words a"))
		if got := s.text("#suggestions .words"); !strings.Contains(got, want) {
			s.t.Errorf("%q is finished by %q, want %q among them", typed, got, want)
		}
	}
	suggest("suggest", "zephyrine lantern of g", "Zephyrine lantern of glass")
	suggest("suggest-brand", "fernw", "Fernwick")
	suggest("suggest-chinese", "玻璃", "玻璃风灯")
	suggest("suggest-typo", "zephi", "Zephyrine lantern")
	suggest("suggest-keys", "zephyrine lantern of oa", "Zephyrine lantern of oak")
	s.step("suggest-chosen", chromedp.SendKeys("#q", kb.ArrowDown), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".results .card"))
	if got := read[string](s.t, s.ctx, `document.querySelector(".results .card").dataset.item`); got != "lantern-5" {
		s.t.Errorf("what was chosen by the arrow key leads to %s first, want lantern-5", got)
	}
}
