package assemble

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/shelf"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// store is a small catalogue: "a1" is of brand a and sold out when its number is 9; items of brand x are gone.
func store(id shop.ItemID) *shelf.Entry {
	if id[0] == 'x' {
		return nil
	}
	return &shelf.Entry{Brand: uint32(id[0]), Category: uint32(id[0]), Buyable: id[len(id)-1] != '9'}
}

func pick(ids []shop.ItemID, o Options) []shop.ItemID {
	var d Desk
	return named(ids, d.Pick(ids, InOrder(nil, 0, len(ids)), store, o))
}

func named(ids []shop.ItemID, picks []Pick) []shop.ItemID {
	got := []shop.ItemID{}
	for _, p := range picks {
		got = append(got, ids[p.Row])
	}
	return got
}

func TestPick(t *testing.T) {
	type list = []shop.ItemID
	shown := []uint32{token.Digest("a1"), token.Digest("a2")}
	tests := []struct {
		name string
		ids  list
		o    Options
		want list
	}{
		{"a page", list{"a1", "b1", "c1"}, Options{Size: 2}, list{"a1", "b1"}},
		{"fewer than a page", list{"a1"}, Options{Size: 2}, list{"a1"}},
		{"none", nil, Options{Size: 2}, list{}},
		{"offset", list{"a1", "b1", "c1"}, Options{Size: 2, Offset: 1}, list{"b1", "c1"}},
		{"offset past the end", list{"a1"}, Options{Size: 2, Offset: 5}, list{}},
		{"twice in the list", list{"a1", "a1", "b1"}, Options{Size: 3}, list{"a1", "b1"}},
		{"gone from the catalogue", list{"x1", "a1"}, Options{Size: 2}, list{"a1"}},
		{"sold out is left out", list{"a9", "a1"}, Options{Size: 2}, list{"a1"}},
		{"sold out comes last", list{"a9", "a1", "b9", "b1"}, Options{Size: 4, SoldOut: true}, list{"a1", "b1", "a9", "b9"}},
		{"sold out stays where the caller's order puts it", list{"a9", "a1"}, Options{Size: 2, SoldOut: true, InOrder: true}, list{"a9", "a1"}},
		{"shown before", list{"a1", "b1", "a2", "c1"}, Options{Size: 2, Shown: shown}, list{"b1", "c1"}},
		{"low diversity", list{"a1", "a2", "a3", "a4", "b1", "b2"}, Options{Size: 4, Diversity: Low}, list{"a1", "a2", "b1", "b2"}},
		{"high diversity", list{"a1", "a2", "a3", "b1", "c1", "d1"}, Options{Size: 5, Diversity: High}, list{"a1", "b1", "c1", "d1", "a2"}},
		{"diversity gives way when there is nothing else", list{"a1", "a2", "a3"}, Options{Size: 3, Diversity: High}, list{"a1", "a2", "a3"}},
		{"diversity by window", list{"a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"}, Options{Size: 4, Offset: 4, Diversity: Low}, list{"a3", "a4", "b3", "b4"}},
		{"the caller's order beats diversity", list{"a1", "a2", "b1"}, Options{Size: 2, Diversity: High, InOrder: true}, list{"a1", "a2"}},
	}
	for _, test := range tests {
		if diff := gocmp.Diff(test.want, pick(test.ids, test.o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestPagesByOffsetAndByTokenAgree walks lists of any kind both ways: the same items in the same order, none twice, and every
// item that may be shown is shown.
func TestPagesByOffsetAndByTokenAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ids []shop.ItemID
		for i := range rapid.IntRange(0, 60).Draw(t, "n") {
			ids = append(ids, shop.ItemID(fmt.Sprintf("%c%d", rapid.RuneFrom([]rune("abcx")).Draw(t, "brand"), i)))
		}
		o := Options{
			Size: rapid.IntRange(1, 9).Draw(t, "size"), Diversity: Level(rapid.IntRange(0, 3).Draw(t, "diversity")),
			SoldOut: rapid.Bool().Draw(t, "sold out"),
		}
		want := 0
		for _, id := range ids {
			if e := store(id); e != nil && (e.Buyable || o.SoldOut) {
				want++
			}
		}
		var byToken, byOffset []shop.ItemID
		var d Desk
		for range len(ids) + 1 {
			for _, id := range named(ids, d.Pick(ids, InOrder(nil, 0, len(ids)), store, o)) {
				byToken = append(byToken, id)
				o.Shown = append(o.Shown, token.Digest(string(id)))
			}
		}
		o.Shown = nil
		for o.Offset = 0; o.Offset < len(ids); o.Offset += o.Size {
			byOffset = append(byOffset, pick(ids, o)...)
		}
		if len(byToken) != want {
			t.Fatalf("by token: %d items, want %d", len(byToken), want)
		}
		if diff := gocmp.Diff(byToken, byOffset); diff != "" {
			t.Fatalf("by token (-) and by offset (+):\n%s", diff)
		}
	})
}

func TestOrder(t *testing.T) {
	nan := float32(math.NaN())
	var d Desk
	got := d.Order(nil, []float32{1, nan, 3, 1, nan, 2})
	if diff := gocmp.Diff([]int{2, 5, 0, 3, 1, 4}, got); diff != "" {
		t.Errorf("Order (-want +got):\n%s", diff)
	}
}

// TestOrderAgreesWithAStableSort holds the trick with bits to what it stands for.
func TestOrderAgreesWithAStableSort(t *testing.T) {
	var d Desk
	rapid.Check(t, func(t *rapid.T) {
		scores := rapid.SliceOf(rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1))}))).Draw(t, "scores")
		var want []int
		for i := range scores {
			want = append(want, i)
		}
		slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
		if diff := gocmp.Diff(want, d.Order(nil, scores)); diff != "" {
			t.Fatalf("Order(%v) (-want +got):\n%s", scores, diff)
		}
	})
}

func TestLevelOf(t *testing.T) {
	for name, want := range map[string]Level{"": Medium, "auto": Medium, "off": Off, "low": Low, "medium": Medium, "high": High} {
		if got := LevelOf(name, Medium); got != want {
			t.Errorf("LevelOf(%q) = %d, want %d", name, got, want)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	var ids []shop.ItemID
	entries := map[shop.ItemID]*shelf.Entry{}
	scores := make([]float32, 100)
	for i := range 100 {
		ids = append(ids, shop.ItemID(fmt.Sprintf("sku-%d", i)))
		entries[ids[i]] = &shelf.Entry{Brand: uint32(1 + i%7), Category: uint32(1 + i%5), Buyable: true}
		scores[i] = float32(i * 7919 % 100)
	}
	var d Desk
	var order []int
	lookup := func(id shop.ItemID) *shelf.Entry { return entries[id] }
	b.ReportAllocs()
	for b.Loop() {
		order = d.Order(order[:0], scores)
		if got := d.Pick(ids, order, lookup, Options{Size: 20, Diversity: Low}); len(got) != 20 {
			b.Fatal(len(got))
		}
	}
}
