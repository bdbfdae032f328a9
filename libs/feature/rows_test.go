package feature

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/haggle-commerce/haggle/libs/shop"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noon is a fixed moment of the tests: a Wednesday.
var noon = time.Date(2026, 9, 16, 12, 0, 0, 0, time.UTC)

var rowOptions = cmp.Options{cmp.AllowUnexported(ItemRow{}), cmpopts.EquateEmpty()}

// drawEvents draws events of a few shoppers' items over some 80 days.
func drawEvents(t *rapid.T) []shop.Event {
	one := rapid.Custom(func(t *rapid.T) shop.Event {
		e := shop.Event{
			Kind: rapid.SampledFrom(shop.EventKinds[:]).Draw(t, "kind"),
			Time: noon.Add(-time.Duration(rapid.IntRange(0, 80*24*60).Draw(t, "minutes")) * time.Minute),
		}
		for range rapid.IntRange(1, 4).Draw(t, "items") {
			n := rapid.IntRange(0, 30).Draw(t, "item")
			e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprintf("i%d", n)), Index: n})
		}
		return e
	})
	return rapid.SliceOfN(one, 0, 60).Draw(t, "events")
}

func itemRowOf(events []shop.Event, id shop.ItemID) *ItemRow {
	var r ItemRow
	for i := range events {
		for k := range events[i].Items {
			if events[i].Items[k].ID == id {
				r.ApplyEvent(&events[i], k)
			}
		}
	}
	return &r
}

func shopperRowOf(events []shop.Event) *ShopperRow {
	var r ShopperRow
	for i := range events {
		r.Apply(&events[i])
	}
	return &r
}

func mustAppend(t interface{ Fatal(...any) }, row interface {
	AppendBinary([]byte) ([]byte, error)
},
) []byte {
	b, err := row.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRowsOfAnyOrderAreBitEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		shuffled := rapid.Permutation(events).Draw(t, "order")
		a, b := itemRowOf(events, "i3"), itemRowOf(shuffled, "i3")
		if diff := cmp.Diff(a, b, rowOptions); diff != "" {
			t.Fatalf("item rows differ:\n%s", diff)
		}
		if !bytes.Equal(mustAppend(t, a), mustAppend(t, b)) {
			t.Fatal("the encoded item rows differ")
		}
		if x, y := shopperRowOf(events), shopperRowOf(shuffled); !bytes.Equal(x.AppendWhole(nil), y.AppendWhole(nil)) {
			t.Fatalf("shopper rows differ:\n%s", cmp.Diff(x, y))
		}
	})
}

func TestRowsSurviveEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		item, shopper := itemRowOf(events, "i3"), shopperRowOf(events)
		gotItem := ItemRow{Examined: 99}
		if err := gotItem.Decode(mustAppend(t, item)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(item, &gotItem, rowOptions); diff != "" {
			t.Fatalf("item row after a round trip:\n%s", diff)
		}
		gotShopper := ShopperRow{History: make([]Past, 3)}
		if err := gotShopper.Decode(mustAppend(t, shopper)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(shopper, &gotShopper, rowOptions); diff != "" {
			t.Fatalf("shopper row after a round trip:\n%s", diff)
		}
	})
}

// naiveDay counts what ItemRow.Day should: events of one day, while it is in the window.
func TestItemRowDayCountsAsANaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		row := itemRowOf(events, "i3")
		newest, seen := int32(-1), map[[2]int32]uint32{}
		for i := range events {
			count, ok := countOf(events[i].Kind)
			for _, it := range events[i].Items {
				if ok && it.ID == "i3" {
					newest = max(newest, dayOf(events[i].Time))
					seen[[2]int32{int32(count), dayOf(events[i].Time)}]++
				}
			}
		}
		for age := range 20 {
			for count := Shown; count <= Bought; count++ {
				day, want := dayOf(noon)-int32(age), uint32(0)
				if day > newest-RowDays {
					want = seen[[2]int32{int32(count), day}]
				}
				if got := row.Day(count, age, noon); got != want {
					t.Fatalf("Day(%d, %d) = %d, want %d", count, age, got, want)
				}
			}
		}
	})
}

func TestItemRowSaturates(t *testing.T) {
	var r ItemRow
	r.Apply(shop.Purchase, noon, math.MaxInt)
	r.Apply(shop.Purchase, noon, 5)
	if r.Total[Bought] != math.MaxUint32 || r.Day(Bought, 0, noon) != math.MaxUint32 {
		t.Errorf("after more than 2^32 purchases Total = %d, Day = %d, want %d", r.Total[Bought], r.Day(Bought, 0, noon), uint32(math.MaxUint32))
	}
}

func TestItemRowTakesAbsurdTimes(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(-1, 0), time.Unix(0, 0), time.Unix(1<<40, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		var r, got ItemRow
		r.Apply(shop.ViewItem, at, 1)
		r.Apply(shop.ViewItem, noon, 1)
		if err := got.Decode(mustAppend(t, &r)); err != nil || !cmp.Equal(r, got, rowOptions) {
			t.Errorf("%v: round trip gives %v, %v", at, got, err)
		}
		if r.Total[Viewed] != 2 {
			t.Errorf("%v: Total = %d, want 2", at, r.Total[Viewed])
		}
	}
}

func TestExaminedTable(t *testing.T) {
	for i, got := range examinedAt {
		if want := uint16(math.Round(1024 / math.Log2(float64(i+2)))); got != want {
			t.Errorf("examinedAt[%d] = %d, want %d", i, got, want)
		}
	}
	if got := examined(-1); got != 1024 {
		t.Errorf("examined(-1) = %d, want 1024", got)
	}
}

func TestShopperRowKeepsHistoryNewestFirst(t *testing.T) {
	var r ShopperRow
	apply := func(kind shop.EventKind, at time.Time, ids ...shop.ItemID) {
		e := shop.Event{Kind: kind, Time: at}
		for _, id := range ids {
			e.Items = append(e.Items, shop.EventItem{ID: id})
		}
		r.Apply(&e)
	}
	apply(shop.ViewItem, noon, "a")
	apply(shop.Purchase, noon.Add(time.Hour), "b", "b")
	apply(shop.Purchase, noon.Add(-time.Hour), "a")
	apply(shop.Search, noon.Add(2*time.Hour))
	apply(shop.ViewItemList, noon, "c")
	hour := time.Hour.Milliseconds()
	want := ShopperRow{
		History: []Past{
			{Item: HashItem("b"), Last: noon.UnixMilli() + hour, FirstBought: noon.UnixMilli() + hour, LastBought: noon.UnixMilli() + hour, Times: [Counts]uint32{Bought: 1}},
			{Item: HashItem("a"), Last: noon.UnixMilli(), FirstBought: noon.UnixMilli() - hour, LastBought: noon.UnixMilli() - hour, Times: [Counts]uint32{Viewed: 1, Bought: 1}},
		},
		Total:    [Counts]uint32{Shown: 1, Viewed: 1, Bought: 2},
		Searches: 1,
		First:    noon.UnixMilli() - hour,
		Last:     noon.UnixMilli() + 2*hour,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

func TestCrowdedDependsOnTheSetAlone(t *testing.T) {
	events := make([]shop.Event, MaxDistinct+1)
	for i := range events {
		events[i] = shop.Event{Kind: shop.ViewItem, Time: noon.Add(time.Duration(i) * time.Second), Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint(i))}}}
	}
	if r := shopperRowOf(events[1:]); r.Crowded || len(r.History) != MaxDistinct {
		t.Fatalf("with %d items Crowded = %v, history %d", MaxDistinct, r.Crowded, len(r.History))
	}
	want := shopperRowOf(events)
	if !want.Crowded || len(want.History) != 0 {
		t.Fatalf("with %d items Crowded = %v, history %d", len(events), want.Crowded, len(want.History))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	if got := shopperRowOf(events); !bytes.Equal(got.AppendWhole(nil), want.AppendWhole(nil)) {
		t.Error("another order gives another row")
	}
}

func TestQueriesSeeTheNewest(t *testing.T) {
	var r, got ShopperRow
	for i := range 2 * MaxHistory {
		r.Apply(&shop.Event{Kind: shop.ViewItem, Time: noon.Add(time.Duration(i) * time.Second), Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint(i))}}})
	}
	if err := got.Decode(mustAppend(t, &r)); err != nil {
		t.Fatal(err)
	}
	r.Clip()
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("the clipped row and the encoded one differ:\n%s", diff)
	}
	if len(got.History) != MaxHistory || got.History[0].Item != HashItem(shop.ItemID(fmt.Sprint(2*MaxHistory-1))) {
		t.Errorf("history has %d items, the first %x", len(got.History), got.History[0].Item)
	}
}

// goldenRows are rows whose bytes are kept in testdata: a change of the format must show there, with a new version.
func goldenRows() (*ItemRow, *ShopperRow) {
	var events []shop.Event
	for i := range 40 {
		events = append(events, shop.Event{
			Kind: shop.EventKinds[i%len(shop.EventKinds)], Time: noon.Add(time.Duration(-i*i) * time.Hour),
			Items: []shop.EventItem{{ID: "i3", Index: i}, {ID: shop.ItemID(fmt.Sprintf("i%d", i%5))}},
		})
	}
	return itemRowOf(events, "i3"), shopperRowOf(events)
}

func TestGoldenRows(t *testing.T) {
	item, shopper := goldenRows()
	got := fmt.Sprintf("item    %x\nshopper %x\n", mustAppend(t, item), mustAppend(t, shopper))
	path := filepath.Join("testdata", "rows_v1.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("rows are\n%s\nwant\n%s", got, want)
	}
	lines := strings.Fields(string(want))
	var gotItem ItemRow
	var gotShopper ShopperRow
	for i, row := range []interface{ Decode([]byte) error }{&gotItem, &gotShopper} {
		b, err := hex.DecodeString(lines[2*i+1])
		if err != nil {
			t.Fatal(err)
		}
		if err := row.Decode(b); err != nil {
			t.Errorf("decode golden row: %v", err)
		}
	}
	if !cmp.Equal(*item, gotItem, rowOptions) || !cmp.Equal(*shopper, gotShopper) {
		t.Error("the golden bytes decode to another row")
	}
}

func TestDecodeRefuses(t *testing.T) {
	item, shopper := goldenRows()
	for _, row := range []interface {
		AppendBinary([]byte) ([]byte, error)
		Decode([]byte) error
	}{item, shopper} {
		b := mustAppend(t, row)
		for n := range b {
			if row.Decode(b[:n]) == nil {
				t.Errorf("%T: the first %d of %d bytes decode", row, n, len(b))
			}
		}
		if row.Decode(append(b, 0)) == nil {
			t.Errorf("%T: a trailing byte is not noticed", row)
		}
		if b[0] = 200; row.Decode(b) == nil {
			t.Errorf("%T: version 200 decodes", row)
		}
	}
}

func FuzzItemRow(f *testing.F) {
	item, _ := goldenRows()
	f.Add(mustAppend(f, item))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again ItemRow
		if r.Decode(b) != nil {
			return
		}
		r.Apply(shop.Purchase, noon, 1)
		if err := again.Decode(mustAppend(t, &r)); err != nil || !cmp.Equal(r, again, rowOptions) {
			t.Errorf("round trip of %x: %v", b, err)
		}
	})
}

func FuzzShopperRow(f *testing.F) {
	_, shopper := goldenRows()
	f.Add(mustAppend(f, shopper))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again ShopperRow
		if r.Decode(b) != nil {
			return
		}
		if err := again.Decode(r.AppendWhole(nil)); err != nil || !cmp.Equal(r, again, rowOptions) {
			t.Errorf("round trip of %x: %v", b, err)
		}
		r.Apply(&shop.Event{Kind: shop.Purchase, Time: noon, Items: []shop.EventItem{{ID: "x"}}})
	})
}

func TestDecodeCostsNoMemory(t *testing.T) {
	item, shopper := goldenRows()
	a, b := mustAppend(t, item), mustAppend(t, shopper)
	if n := testing.AllocsPerRun(100, func() {
		if item.Decode(a) != nil || shopper.Decode(b) != nil {
			t.Fatal("a good row does not decode")
		}
	}); n != 0 {
		t.Errorf("decoding rows allocates %v times, want 0", n)
	}
}

func BenchmarkDecodeItemRow(b *testing.B) {
	item, _ := goldenRows()
	row := mustAppend(b, item)
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	for b.Loop() {
		if err := item.Decode(row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeShopperRow(b *testing.B) {
	for _, n := range []int{4, 32, MaxHistory} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var r ShopperRow
			for i := range n {
				r.Apply(&shop.Event{Kind: shop.Purchase, Time: noon.Add(time.Duration(i) * time.Hour), Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint(i))}}})
			}
			row := mustAppend(b, &r)
			b.SetBytes(int64(len(row)))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Decode(row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
