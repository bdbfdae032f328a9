package catalogue

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/filter"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// TestOpenedCatalogueAnswersTheSame writes a catalogue, opens it, changes both alike and compares what they say.
func TestOpenedCatalogueAnswersTheSame(t *testing.T) {
	keys := []string{"brand", "category", "colour", "size", "availability", "price"}
	rapid.Check(t, func(t *rapid.T) {
		one, _ := build(t)
		two, err := Open(one.AppendBinary(nil))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 40).Draw(t, "later") {
			it := items(t)
			if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				one.Delete(it.ID)
				two.Delete(it.ID)
				continue
			}
			if a, b := one.Put(it), two.Put(it); a != b {
				t.Fatalf("%s has slots %d and %d", it.ID, a, b)
			}
		}
		e, err := filter.Parse(expressions(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		a, b := one.Select(&e).Apply(one.Live(), nil, ""), two.Select(&e).Apply(two.Live(), nil, "")
		if diff := gocmp.Diff(a, b); diff != "" {
			t.Fatalf("selected (-one +two):\n%s", diff)
		}
		var counter Counter
		if diff := gocmp.Diff(one.Facets(&counter, a, keys, nil), two.Facets(&counter, b, keys, nil)); diff != "" {
			t.Fatalf("facets (-one +two):\n%s", diff)
		}
		for s := range a.All {
			for other := range a.All {
				if x, y := one.SameKind(s, other), two.SameKind(s, other); x != y {
					t.Fatalf("SameKind(%d, %d) = %v and %v", s, other, x, y)
				}
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	for seed := range 6 {
		f.Add(rapid.Custom(func(t *rapid.T) *Catalogue { c, _ := build(t); return c }).Example(seed).AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Open(b)
		if err != nil {
			if !errors.Is(err, pack.ErrBroken) {
				t.Fatalf("Open = %v, want ErrBroken", err)
			}
			return
		}
		var counter Counter
		c.Facets(&counter, c.Live(), []string{"brand", "category", "price"}, nil)
		for s := range c.Live().All {
			c.Delete(c.ID(s))
		}
		if again, err := Open(c.AppendBinary(nil)); err != nil || again.Count() != 0 {
			t.Fatalf("an opened catalogue that was emptied is not opened again: %v", err)
		}
	})
}
