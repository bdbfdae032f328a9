package dataset

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// shared returns the path of a data file that is kept beside the repository, and skips the test where there is none.
func shared(t *testing.T, name string) string {
	t.Helper()
	if raceEnabled {
		t.Skip("SKIPPED: whole exports take too long under the race detector; the test runs without it")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: the real export %s is not there, so it was not read", path)
	}
	return path
}

// shopItems loads a real catalogue and checks that every item of it may enter the shop.
func shopItems(t *testing.T, name string, want int) (map[shop.ItemID]shop.Item, Report) {
	t.Helper()
	items, report, err := LoadItems(context.Background(), shared(t, name), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != want || report.Read != want || report.Kept != want || report.Rejected != 0 {
		t.Errorf("%s: %d items, report %v, want all of %d", name, len(items), report, want)
	}
	byID := map[shop.ItemID]shop.Item{}
	for _, it := range items {
		if err := it.Check(); err != nil {
			t.Errorf("item %s: %v", it.ID, err)
		}
		byID[it.ID] = it
	}
	return byID, report
}

func TestIcecat(t *testing.T) {
	items, report := shopItems(t, "icecat_chorus/products.jsonl.gz", 19406)
	it := items["3920564"]
	if it.Title != "Xerox 006R90321 toner cartridge Original Black 6 pc(s)" || it.Brand != "Xerox" || it.Price != 49.95 {
		t.Errorf("item = %+v, want the title, Xerox and 49.95 (the file has 4995 cents)", it)
	}
	if !strings.HasPrefix(it.ImageURL, "http://images.icecat.biz/") || it.CreatedAt.Year() != 2009 {
		t.Errorf("image %q and date %v, want an address and 2009", it.ImageURL, it.CreatedAt)
	}
	if got := items["2101957"]; got.Attributes["product_colour"][0] != "Silver" || got.Attributes["display_diagonal"][0] != "17" || got.Category() != "Notebook" {
		t.Errorf("colour %q, diagonal %q, category %q, want Silver, 17 and Notebook",
			got.Attributes["product_colour"], got.Attributes["display_diagonal"], got.Category())
	}
	if report.Dropped["key or code: ean"] != 19406 || report.Columns["supplier"] != "brand" {
		t.Errorf("report says %v and %q for supplier, want 19406 codes left out and brand", report.Dropped, report.Columns["supplier"])
	}
}

func TestCompleteJourney(t *testing.T) {
	items, _ := shopItems(t, "completejourney_cc0/products.tsv.gz", 92331)
	want := map[shop.ItemID]string{
		"9400535":  "Potato Chips Bag Snacks, National Brand, 11.5 oz",
		"26540":    "Tray Pack/Chocolate Chip Cookies, Private Label, 16 oz",
		"9337555":  "Foliage Plants (6in To 10in), National Brand, 6 in",
		"12352381": "Patties Beef, National Brand",
		"27159":    "String Cheese, Private Label, 1 oz",
	}
	got := map[shop.ItemID]string{}
	for id := range want {
		got[id] = items[id].Title
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("titles differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Grocery", "Bag Snacks", "Potato Chips"}, items["9400535"].Categories); diff != "" {
		t.Errorf("path differs (-want +got):\n%s", diff)
	}
	events, lines, known := 0, 0, 0
	report, err := ReadEvents(context.Background(), shared(t, "completejourney_cc0/transactions_sample.tsv.gz"), Options{}, func(e shop.Event) error {
		events++
		for _, it := range e.Items {
			lines++
			if _, ok := items[it.ID]; ok {
				known++
			}
		}
		if e.Kind != shop.Purchase || e.Shopper == "" || e.Transaction == "" {
			t.Errorf("event %+v, want a purchase with a shopper and a transaction", e)
		}
		return e.Check()
	})
	if err != nil {
		t.Fatal(err)
	}
	// 416 of the 75,000 lines have the quantity 0: coupons and the like.
	if report.Read != 75000 || report.Rejected != 416 || report.Kept != 74584 || events != 47034 || report.Emitted != events {
		t.Errorf("%d events, report %+v, want 47034 of 74584 kept rows", events, report)
	}
	if share := float64(known) / float64(lines); share < 0.99 {
		t.Errorf("%.4f of the lines are of known products, want 0.99", share)
	}
}

func TestRetailDemoStore(t *testing.T) {
	items, _ := shopItems(t, "retail_demo_store/products.jsonl.gz", 2465)
	it := items["6579c22f-be2b-444c-a52b-0116dd82df6c"]
	if it.Title != "Adventure-Ready Expedition Backpack" || it.Price != 129.99 || it.Availability != shop.InStock {
		t.Errorf("item = %+v, want its name, 129.99 and in stock", it)
	}
	if diff := cmp.Diff([]string{"accessories", "backpack"}, it.Categories); diff != "" {
		t.Errorf("path differs (-want +got):\n%s", diff)
	}
	if it.ImageURL != "" {
		t.Errorf("image %q, want none: the file has only names of files", it.ImageURL)
	}
}
