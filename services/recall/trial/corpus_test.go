package trial

import (
	"slices"
	"strings"
	"testing"
)

func TestShelfFindsWhatHoldsTheWords(t *testing.T) {
	const items = 1000
	o := LexicalOptions{Items: items, Queries: 100, K: items, Seed: 3}
	shelf, err := NewShelf(t.Context(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if shelf.BuildSeconds() <= 0 || shelf.BytesPerItem() <= 0 || shelf.BytesPerItem() > 10_000 {
		t.Errorf("built in %v s, %v bytes an item", shelf.BuildSeconds(), shelf.BytesPerItem())
	}
	corpus := NewCorpus(items, o.Seed)
	for _, text := range corpus.Queries(o.Queries) {
		words := strings.Fields(text)
		if len(words) != 3 {
			t.Fatalf("query %q, want three words", text)
		}
		var any, all []string
		for i := range items {
			id, title := corpus.Item(i)
			holds := func(word string) bool { return slices.Contains(strings.Fields(title), word) }
			if slices.ContainsFunc(words, holds) {
				any = append(any, string(id))
			}
			if holds(words[0]) && holds(words[1]) && holds(words[2]) {
				all = append(all, string(id))
			}
		}
		for form, want := range map[Form][]string{Any: any, Counted: any, All: all} {
			ids, total := shelf.Find(text, form)
			var got []string
			for _, id := range ids {
				got = append(got, string(id))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || total != len(want) {
				t.Errorf("%s of %q: %d items, said to be %d, want %d", form, text, len(got), total, len(want))
			}
		}
	}
	if _, err := NewShelf(t.Context(), LexicalOptions{}, func(string) {}); err == nil {
		t.Error("a shelf of nothing was built")
	}
}
