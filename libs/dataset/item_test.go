package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustItems(t *testing.T, name, content string, o Options) ([]shop.Item, Report) {
	t.Helper()
	items, report, err := LoadItems(context.Background(), write(t, name, content), o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if report.Read != report.Kept+report.Rejected+report.Duplicates {
		t.Errorf("%s: read %d, but kept %d, rejected %d and duplicates %d", name, report.Read, report.Kept, report.Rejected, report.Duplicates)
	}
	return items, report
}

func TestExportsOfShops(t *testing.T) {
	released := time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name, content string
		want          shop.Item
	}{
		{
			"google-feed.tsv", "id\ttitle\tdescription\tlink\timage_link\tavailability\tprice\tsale_price\tbrand\tgtin\tproduct_type\tcolor\n" +
				"SKU1\tRain Coat\tKeeps <b>dry</b> &amp; warm\thttps://x.test/1\thttps://x.test/1.jpg\tin stock\t89.00 USD\t59.90 USD\tAcme\t4006381333931\tClothing > Coats\tred\n",
			shop.Item{
				ID: "SKU1", Title: "Rain Coat", Description: "Keeps dry & warm", Brand: "Acme", Categories: []string{"Clothing", "Coats"}, Price: 59.9,
				Currency: "USD", ImageURL: "https://x.test/1.jpg", URL: "https://x.test/1", Availability: shop.InStock, Attributes: map[string][]string{"color": {"red"}},
			},
		},
		{
			"shopify.csv", "Handle,Title,Body (HTML),Vendor,Type,Tags,Variant SKU,Variant Price,Image Src\n" +
				"tee,Plain Tee,<p>Soft</p>,Acme,T-Shirts,summer,T-1,\"1,019.00\",https://x.test/t.png\n",
			shop.Item{
				ID: "T-1", Title: "Plain Tee", Description: "Soft", Brand: "Acme", Categories: []string{"T-Shirts"}, Price: 1019, ImageURL: "https://x.test/t.png",
				Attributes: map[string][]string{"tags": {"summer"}},
			},
		},
		{
			"woo.csv", "ID,SKU,Name,\"In stock?\",\"Regular price\",Categories,Images\n7,w-7,Hat,0,\"12,50\",\"Clothing > Hats, Sale\",\"https://x.test/a.png, https://x.test/b.png\"\n",
			shop.Item{
				ID: "7", Title: "Hat", Availability: shop.OutOfStock, Price: 12.5, Categories: []string{"Clothing", "Hats"}, ImageURL: "https://x.test/a.png",
			},
		},
		{
			"amazon.jsonl", `{"parent_asin":"B01","title":"Lamp","store":"Lumo","main_category":"Home","categories":[["Home","Lamps"]],"price":"$12.99","images":[{"thumb":"x","large":"https://x.test/l.jpg"}],"description":["One.","Two."],"features":["bright"],"details":{"Item Weight":"1 kg"}}`,
			shop.Item{
				ID: "B01", Title: "Lamp", Brand: "Lumo", Categories: []string{"Home", "Lamps"}, Price: 12.99, Currency: "USD", ImageURL: "https://x.test/l.jpg",
				Description: "One.\nTwo.", Attributes: map[string][]string{"features": {"bright"}, "item_weight": {"1 kg"}},
			},
		},
		{
			"stripe.jsonl", `{"id":"p_1","name":"Mug","unit_amount":1250,"currency":"EUR","titles":{"zh-CN":"杯子","de":"Becher"},"name_fr":"Tasse","released_at":"2020-05-01","stock":3}`,
			shop.Item{
				ID: "p_1", Title: "Mug", Price: 12.5, Currency: "EUR", Titles: map[string]string{"zh": "杯子", "de": "Becher", "fr": "Tasse"},
				CreatedAt: released, Availability: shop.InStock,
			},
		},
		{
			"attributes.jsonl", `{"id":1,"title":{"en":"Pot","zh":"锅"},"attr_b_lid":true,"attr_b_handle":false,"attr_n_litres":2.0,"attr_t_manual":"https://x.test/m.pdf","attributes":{"size":["S","M","S"]},"specs":[{"name":"Hob type","value":"gas"}],"vendor_id":9,"price":{"amount":"9.90","currency":"EUR"}}`,
			shop.Item{
				ID: "1", Title: "Pot", Titles: map[string]string{"en": "Pot", "zh": "锅"}, Price: 9.9, Currency: "EUR",
				Attributes: map[string][]string{"lid": {"yes"}, "litres": {"2"}, "size": {"S", "M"}, "hob_type": {"gas"}},
			},
		},
	}
	for _, tt := range tests {
		got, _ := mustItems(t, tt.name, tt.content, Options{})
		if diff := cmp.Diff([]shop.Item{tt.want}, got); diff != "" {
			t.Errorf("%s: differs (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestItemsOfOursComeBackUnchanged(t *testing.T) {
	want := []shop.Item{{
		ID: "a", Title: "A & B  <c>", Titles: map[string]string{"zh": "甲"}, Description: "long\nstory", Brand: "B", Categories: []string{"X", "Y"}, Price: 1.25,
		Currency: "EUR", Attributes: map[string][]string{"style": {"Classic"}, "size": {"S", "M"}}, ImageURL: "/pictures/a.svg", URL: "https://x.test/a",
		Availability: shop.Preorder, CreatedAt: time.Unix(1.6e9, 0).UTC(), UpdatedAt: time.Unix(1.7e9, 5e8).UTC(),
	}, {ID: "b", Title: "B"}}
	want[0].Title = "A & B"
	var b bytes.Buffer
	for _, it := range want {
		if err := json.NewEncoder(&b).Encode(it); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := mustItems(t, "ours.jsonl", b.String(), Options{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items differ (-want +got):\n%s", diff)
	}
}

func TestBadLinesAreNamedAndTheRestLoads(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,title,price\n")
	for i := range 400 {
		switch i {
		case 100:
			b.WriteString("broken\n")
		case 200:
			b.WriteString("x200,Title,cheap\n")
		case 300:
			b.WriteString("x300,,3\n")
		case 350:
			b.WriteString("has space,Title,3\n")
		case 360:
			b.WriteString("x360,Title,-3\n")
		case 370:
			b.WriteString("x1,Again,4\n")
		default:
			fmt.Fprintf(&b, "x%d,Title %d,%d\n", i, i, i)
		}
	}
	items, report := mustItems(t, "bad.csv", b.String(), Options{Currency: "EUR"})
	want := []LineError{
		{102, "", "has 1 columns, the header has 3"},
		{202, "price", `is "cheap", which is no number (column price)`},
		{302, "title", "is empty"},
		{352, "id", "holds the character U+0020, which no key may hold"},
		{362, "price", "is -3, must be between 0 and 1e+09"},
	}
	if diff := cmp.Diff(want, report.Errors); diff != "" {
		t.Errorf("errors differ (-want +got):\n%s", diff)
	}
	if report.Read != 400 || report.Kept != 394 || report.Rejected != 5 || report.Duplicates != 1 || len(items) != 394 {
		t.Errorf("%d items, %v, want 394 kept of 400", len(items), report)
	}
	if items[1].Title != "Again" || items[1].Currency != "EUR" {
		t.Errorf("item x1 = %+v, want the last of its rows, in EUR", items[1])
	}
	if s := report.String(); !strings.Contains(s, "line 202: price is") || !strings.Contains(s, "rejected 5") {
		t.Errorf("String() = %q, want the counts and the lines", s)
	}
}

func TestFilesThatAreNoCatalogue(t *testing.T) {
	tests := []struct {
		name, content string
		want          error
		says          string
	}{
		{"columns.csv", "colour,weight\nred,1\n", ErrColumns, "found colour, weight; expected a key"},
		{"title.csv", "sku,colour\n1,red\n", ErrColumns, "expected a title, such as title"},
		{"bad.csv", "id,title\n1\n2\n3,three\n", ErrMostlyBad, "2 of 3; the first: line 2: has 1 columns, the header has 2; columns found: id, title"},
		{"bad.jsonl", "{]\n{]\n", ErrMostlyBad, "2 of 2"},
		{"empty.csv", "", ErrFormat, "the file is empty"},
	}
	for _, tt := range tests {
		_, err := ReadItems(context.Background(), write(t, tt.name, tt.content), Options{}, func(shop.Item) error { return nil })
		if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: error %v, want %v with %q", tt.name, err, tt.want, tt.says)
		}
	}
	stop := errors.New("stop")
	path := write(t, "ok.csv", "id,title\n1,one\n2,two\n")
	if _, err := ReadItems(context.Background(), path, Options{}, func(shop.Item) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of emit became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	long := write(t, "long.csv", "id,title\n"+strings.Repeat("1,one\n", 100))
	if _, err := ReadItems(ctx, long, Options{}, func(shop.Item) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended became %v", err)
	}
}

func TestPriceScale(t *testing.T) {
	const icecat = `{"id":"1","title":"T","ean":["1"],"supplier":"S","img_high":"http://x/i.jpg","price":%s}`
	tests := []struct {
		content string
		scale   float64
		want    float64
	}{
		{fmt.Sprintf(icecat, "4995"), 0, 49.95},
		{fmt.Sprintf(icecat, "49.95"), 0, 49.95},
		{fmt.Sprintf(icecat, "4995"), 1, 4995},
		{`{"id":"1","title":"T","price":4995}`, 0, 4995},
		{`{"id":"1","title":"T","supplier":"S","price":4995}`, 0, 4995},
		{`{"id":"1","title":"T","price":4995}`, 100, 49.95},
		{`{"id":"1","title":"T","price_cents":4995}`, 0, 49.95},
	}
	for _, tt := range tests {
		got, _ := mustItems(t, "p.jsonl", tt.content, Options{PriceScale: tt.scale})
		if got[0].Price != tt.want {
			t.Errorf("price of %s with scale %v = %v, want %v", tt.content, tt.scale, got[0].Price, tt.want)
		}
	}
}

func TestLimitsCutAndCount(t *testing.T) {
	object := map[string]any{"id": "1", "title": "T", "description": strings.Repeat("é", shop.MaxDescriptionBytes), "long": strings.Repeat("x", 600), "control": "a\x00b"}
	for i := range 200 {
		object[fmt.Sprintf("attr_t_a%03d", i)] = i
	}
	line, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	items, report := mustItems(t, "big.jsonl", string(line), Options{})
	if err := items[0].Check(); err != nil {
		t.Error(err)
	}
	want := map[string]int{"attribute: is one too many": 72, "attribute: is too long": 1, "attribute: is no clean text": 1, "description: cut to its limit": 1}
	if diff := cmp.Diff(want, report.Dropped); diff != "" {
		t.Errorf("left out differs (-want +got):\n%s", diff)
	}
}

func TestComposeTitle(t *testing.T) {
	tests := []struct {
		path        []string
		brand, size string
		want        string
	}{
		{[]string{"Grocery", "Ice Cream", "Traditional"}, "Private", "56 OZ", "Traditional Ice Cream, Private Label, 56 oz"},
		{[]string{"Grocery", "Cookies/Cones", "Specialty Cookies"}, "Acme", "", "Specialty Cookies, Acme"},
		{[]string{"Shoes"}, "", "2.5 LB", "Shoes, 2.5 lb"},
		{[]string{"A", "Soft Drinks", "Sft Drnk Sngl Srv Btl Carb (Ex"}, "National", "20 OZ PET", "Soft Drink Single Serve Bottle Carbonated, National Brand, 20 oz PET"},
		{nil, "Acme", "", ""},
	}
	for _, tt := range tests {
		if got := composeTitle(tt.path, tt.brand, tt.size); got != tt.want {
			t.Errorf("composeTitle(%q, %q, %q) = %q, want %q", tt.path, tt.brand, tt.size, got, tt.want)
		}
	}
}

func TestProgressEndsWithTheWholeFile(t *testing.T) {
	path := write(t, "ok.csv", "id,title\n1,one\n2,two\n")
	var last Progress
	if _, err := ReadItems(context.Background(), path, Options{Progress: func(p Progress) { last = p }}, func(shop.Item) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if want := (Progress{Bytes: 21, Total: 21, Rows: 2}); last != want {
		t.Errorf("last progress = %+v, want %+v", last, want)
	}
}
