// Package page draws the storefront: it takes values, and writes HTML that loads nothing from elsewhere.
package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed static
var static embed.FS

// Static holds the style sheet, the scripts and their licences.
func Static() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic("BUG: embedded static files: " + err.Error())
	}
	return files
}

// Link is something to click on: the text and where it leads.
type Link struct {
	Text string
	Href string
	// Count is shown behind the text when it is above 0.
	Count int
	// Depth indents the link, from 0.
	Depth int
	// Chosen marks a filter that is set; its link takes it away.
	Chosen bool
}

// Shell is what surrounds each page.
type Shell struct {
	Shop       string
	Title      string
	Query      string
	CartCount  int
	Categories []Link
}

// Product is an item as a card or as a page.
type Product struct {
	ID          string
	Title       string
	OtherTitle  string
	Brand       string
	Categories  []string
	Description string
	Price       float64
	Currency    string
	Colour      string
	OutOfStock  bool
	Attributes  []Attribute
	// Position is the place in its list, from 0.
	Position int
	Reasons  []string
	Score    float64
}

// Attribute is one line of a product's table.
type Attribute struct {
	Name   string
	Values []string
}

// Category returns the narrowest category, or "".
func (p Product) Category() string {
	if len(p.Categories) == 0 {
		return ""
	}
	return p.Categories[len(p.Categories)-1]
}

// Shelf is a titled list of products with the receipt of the query that filled it.
type Shelf struct {
	// Placement is the item_list_id of the shelf's events, and its name in the address that draws it anew.
	Placement string
	Title     string
	Note      string
	Products  []Product
	Token     string
	Receipt   Receipt
	// Refresh is the address that draws the shelf anew when the shop has learnt something; "" means never.
	Refresh string
}

// Receipt is what a query cost, for the drawer.
type Receipt struct {
	Query     string
	RequestID string
	Took      time.Duration
	CPU       time.Duration
	// MarginalNano and LoadedNano are in billionths of Currency.
	MarginalNano float64
	LoadedNano   float64
	Currency     string
	Model        string
	Degraded     []string
	Stages       []Stage
	Reasons      []string
}

// Stage is one bar of a receipt.
type Stage struct {
	Name       string
	Variant    string
	CPU        time.Duration
	Candidates int
}

// Percent is the stage's share of the receipt's CPU time, from 0 to 100.
func (r Receipt) Percent(s Stage) float64 {
	if r.CPU <= 0 {
		return 0
	}
	return math.Min(100, 100*float64(s.CPU)/float64(r.CPU))
}

// Facet is a list of filters of one kind.
type Facet struct {
	Name   string
	Values []Link
}

// Results is a page of search results.
type Results struct {
	Shell
	Shelf
	Total int
	// Corrected is the query that was answered instead of what was typed, nil when that was answered; AsTyped leads to what was typed.
	Corrected *Link
	AsTyped   Link
	// Active are the filters that are set; each link takes its own away. Unfiltered takes all away, "" when there are not several.
	Active     []Link
	Unfiltered string
	Facets     []Facet
	Orders     []Link
	Previous   string
	Next       string
	Page       int
}

// Home is the front page.
type Home struct {
	Shell
	Shelves []Shelf
}

// Detail is the page of one product.
type Detail struct {
	Shell
	Product Product
	Shelves []Shelf
}

// Line is one line of the cart.
type Line struct {
	Product  Product
	Quantity int
}

// Cart is the page of the cart.
type Cart struct {
	Shell
	Lines   []Line
	Total   float64
	Ordered string
	Shelves []Shelf
}

// Currency returns the currency of the cart's first priced line, or "".
func (c Cart) Currency() string {
	for _, line := range c.Lines {
		if line.Product.Currency != "" {
			return line.Product.Currency
		}
	}
	return ""
}

// Suggestions is the list under the search box.
type Suggestions struct {
	Completions []string
	Products    []Product
}

// Problem is the page that is shown when something is not there or did not work.
type Problem struct {
	Shell
	Heading string
	Text    string
}

// Page writes the storefront's HTML. Its methods may be called at once.
type Page struct {
	templates *template.Template
}

// New parses the templates; it panics when they do not parse, which a test would have seen.
func New() *Page {
	return &Page{templates: template.Must(template.New("").Funcs(template.FuncMap{
		"money": money, "millis": millis, "picture": picture, "reason": reason, "path": url.PathEscape, "micros": micros,
		"nano": nano, "thousands": thousands, "percent": func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
		"reasons": reasonText,
		"stageOf": func(r Receipt, s Stage) string { return strconv.Itoa(int(math.Round(r.Percent(s)))) },
		"bad":     func(name string) string { return strings.ReplaceAll(name, ":", ": ") },
	}).ParseFS(templates, "templates/*.html"))}
}

// Write writes the view: a [Home], [Results], [Detail], [Cart] or [Problem] as a whole page, a [Shelf] or [Suggestions] as the
// fragment that replaces its place in a page.
func (p *Page) Write(w io.Writer, view any) error {
	var name string
	switch view.(type) {
	case Home:
		name = "home.html"
	case Results:
		name = "results.html"
	case Detail:
		name = "detail.html"
	case Cart:
		name = "cart.html"
	case Problem:
		name = "problem.html"
	case Shelf:
		name = "shelf"
	case Suggestions:
		name = "suggestions"
	default:
		return fmt.Errorf("write page: no template for %T", view)
	}
	if err := p.templates.ExecuteTemplate(w, name, view); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	return nil
}

// money shows a price with its currency's sign where that is well known.
func money(price float64, currency string) string {
	if price <= 0 {
		return ""
	}
	digits := thousands(int(price)) + strconv.FormatFloat(price-math.Floor(price), 'f', 2, 64)[1:]
	if strings.HasPrefix(strconv.FormatFloat(price-math.Floor(price), 'f', 2, 64), "1") {
		digits = thousands(int(price)+1) + ".00"
	}
	switch strings.ToUpper(currency) {
	case "USD", "":
		return "$" + digits
	case "EUR":
		return "€" + digits
	case "GBP":
		return "£" + digits
	case "CNY", "RMB":
		return "¥" + digits
	}
	return digits + " " + currency
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

func micros(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 0, 64) + " µs"
}

// nano shows billionths of a dollar as dollars per million queries, which is a number that people can hold.
func nano(n float64) string {
	perMillion := n / 1e3
	switch {
	case perMillion < 0.01:
		return strconv.FormatFloat(perMillion, 'f', 4, 64)
	case perMillion < 10:
		return strconv.FormatFloat(perMillion, 'f', 3, 64)
	}
	return thousands(int(perMillion))
}

// reason says a reason's code to a shopper.
func reason(code string) string {
	switch code {
	case "match":
		return "Matches your search"
	case "bought_together":
		return "Goes with your picks"
	case "session":
		return "Fits this visit"
	case "trending":
		return "Trending now"
	case "similar":
		return "Similar"
	case "buy_again":
		return "Buy it again"
	case "new":
		return "New in"
	case "popular":
		return "Popular"
	}
	return strings.ReplaceAll(code, "_", " ")
}

// reasonText picks the reason that says most to a shopper.
func reasonText(codes []string) string {
	for _, best := range []string{"buy_again", "bought_together", "session", "similar", "new", "trending", "popular"} {
		for _, code := range codes {
			if code == best {
				return reason(code)
			}
		}
	}
	return ""
}
