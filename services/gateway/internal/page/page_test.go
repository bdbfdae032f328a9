package page

import (
	"strings"
	"testing"
	"time"
)

var sample = Product{
	ID: "sku/1", Title: `Rain jacket <b>"blue"</b>`, OtherTitle: "蓝色雨衣", Brand: "Acme & Co", Categories: []string{"Clothing", "Jackets"},
	Price: 1234.5, Currency: "EUR", Colour: "blue", Reasons: []string{"match", "bought_together"}, Attributes: []Attribute{{"size", []string{"S", "M"}}},
}

var shelf = Shelf{
	Placement: "home", Title: "For you", Products: []Product{sample}, Token: "t.1", Refresh: "/shelf/home",
	Receipt: Receipt{Query: "recommend home", Took: 4 * time.Millisecond, CPU: 400 * time.Microsecond, MarginalNano: 4.4, LoadedNano: 4100, Currency: "USD", Model: "ranker.1", Degraded: []string{"rank:late"}, Stages: []Stage{{Name: "recall", CPU: 100 * time.Microsecond, Candidates: 100}}},
}

func TestWrite(t *testing.T) {
	found := shelf
	found.Note = "widened"
	shell := Shell{Shop: "Shop", Title: "T", CartCount: 2, Categories: []Link{{Text: "Clothing", Href: "/s?category=Clothing"}}}
	views := map[string]struct {
		view any
		want []string
	}{
		"home":        {Home{shell, []Shelf{shelf}}, []string{"<!doctype html>", "For you", `data-list="home"`, `data-token="t.1"`, "€1,234.50", "Goes with your picks", `hx-get="/shelf/home"`}},
		"results":     {Results{Shell: shell, Shelf: found, Total: 1234, Corrected: &Link{Text: "jacket", Href: "/s?q=jacket"}, AsTyped: Link{Text: "jakcet", Href: "/s?q=jakcet&spell=off"}, Active: []Link{{Text: "Brand: Acme", Href: "/s?q=x"}}, Unfiltered: "/s?q=all", Facets: []Facet{{"Brand", []Link{{Text: "Acme", Href: "/s?brand=Acme", Count: 7, Chosen: true}}}}, Next: "/s?page=2"}, []string{"1,234", `<a href="/s?q=jacket">jacket</a>`, `spell=off" class="typed">jakcet`, "widened", "Brand: Acme</span>", `href="/s?q=all"`, `rel="next"`}},
		"detail":      {Detail{shell, sample, []Shelf{shelf}}, []string{`data-view="sku/1"`, "/p/sku%2F1", "S, M"}},
		"cart":        {Cart{Shell: shell, Lines: []Line{{sample, 2}}, Total: 2469}, []string{"€2,469.00", `data-line="sku/1"`}},
		"problem":     {Problem{shell, "Not here", "No such product."}, []string{"Not here"}},
		"shelf":       {shelf, []string{"<section", "data-receipt", "400 µs", "4.100", "rank: late", `width="25"`}},
		"suggestions": {Suggestions{[]string{"rain jacket"}, []Product{sample}}, []string{"/s?q=rain%20jacket", "sku%2F1"}},
	}
	for name, c := range views {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := New().Write(&b, c.view); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("no %q in:\n%s", want, b.String())
				}
			}
			if strings.Contains(b.String(), "<b>") {
				t.Error("a title was written without being escaped")
			}
			for _, bad := range []string{"<script>", "onclick=", "style=", "http://", "https://"} {
				if strings.Contains(b.String(), bad) {
					t.Errorf("%q breaks the content security policy", bad)
				}
			}
		})
	}
	if err := New().Write(&strings.Builder{}, 7); err == nil {
		t.Error("Write(7) = nil, want an error")
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		price    float64
		currency string
		want     string
	}{
		{0, "USD", ""},
		{9.99, "USD", "$9.99"},
		{1234567.5, "EUR", "€1,234,567.50"},
		{1.999, "", "$2.00"},
		{5, "SEK", "5.00 SEK"},
	} {
		if got := money(c.price, c.currency); got != c.want {
			t.Errorf("money(%v, %q) = %q, want %q", c.price, c.currency, got, c.want)
		}
	}
}

func TestPictureTakesNothingFromTheShop(t *testing.T) {
	for _, p := range []Product{sample, {Title: "<script>"}, {Categories: []string{"Toner"}, Colour: `"><x`}} {
		got := string(picture(p))
		if strings.Contains(got, "<script") || strings.Contains(got, "<x") || strings.Contains(got, "%!") {
			t.Errorf("picture(%+v) = %s", p, got)
		}
	}
	if picture(Product{Title: "Running shoe"}) == picture(Product{Title: "Coffee mug"}) {
		t.Error("a shoe and a mug look the same")
	}
}
