package session

import (
	"errors"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestRestoredGoesOnAlike writes an index in the middle of a stream, and lets both it and the restored one read on.
func TestRestoredGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		a, b := New(p), New(p)
		touch := func(name string, indexes ...*Index) {
			for range rapid.IntRange(0, 120).Draw(t, name) {
				id, item := rapid.Uint64Range(1, 60).Draw(t, "session"), rapid.Uint32Range(0, 30).Draw(t, "item")
				for _, x := range indexes {
					x.Touch(id, item)
				}
			}
		}
		touch("before", a)
		file, err := a.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Restore(file, 31); err != nil {
			t.Fatal(err)
		}
		again, err := b.AppendBinary(nil)
		if err != nil || !slices.Equal(again, file) {
			t.Fatalf("a restored index is written in another way (%v)", err)
		}
		touch("after", a, b)
		q := Query{Current: rapid.SliceOfN(rapid.Uint32Range(0, 30), 1, 6).Draw(t, "current")}
		var sa, sb Scratch
		if diff := gocmp.Diff(a.Predict(&sa, &q, 10), b.Predict(&sb, &q, 10)); diff != "" {
			t.Fatalf("answers differ:\n%s", diff)
		}
		if cut := rapid.IntRange(0, len(file)-1).Draw(t, "cut"); !errors.Is(New(p).Restore(file[:cut], 31), ErrSnapshot) {
			t.Fatalf("the first %d bytes of %d are restored", cut, len(file))
		}
	})
}

func FuzzRestore(f *testing.F) {
	p := Defaults()
	p.Sessions, p.Length = 6, 20
	x := New(p)
	for i := range 150 {
		x.Touch(uint64(i/18)+1, uint32(i%25))
	}
	file, err := x.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, b []byte) {
		x := New(p)
		if err := x.Restore(b, 40); err != nil {
			return
		}
		var sc Scratch
		for i := range 200 {
			x.Predict(&sc, &Query{Current: []uint32{uint32(i % 40), uint32(i % 7)}}, 5)
			x.Touch(uint64(i/9)+100, uint32(i%40))
		}
	})
}
