package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/complete"
)

// Autocomplete says how large a shop to finish what is typed in.
type Autocomplete struct {
	// Items is how many titles there are, Queries how many beginnings are timed.
	Items, Queries int
	Seed           uint64
}

// AutocompleteFigures are what [Autocomplete.Run] returns. Times are CPU time of one call for ten phrases.
type AutocompleteFigures struct {
	MedianMicros float64 `json:"median_us"`
	P99Micros    float64 `json:"p99_us"`
	// MisspeltP99 is of beginnings with one edit, of which most find nothing as they stand.
	MisspeltP99  float64 `json:"misspelt_p99_us"`
	BuildSeconds float64 `json:"build_cpu_s"`
	BytesPerItem float64 `json:"bytes_per_item"`
	// Found is the share of beginnings that were finished, MisspeltFound of those with an edit.
	Found         float64 `json:"found"`
	MisspeltFound float64 `json:"misspelt_found"`
	Items         int     `json:"items"`
	Phrases       int     `json:"phrases"`
}

// Run makes titles of eight words by Zipf's law, a brand, two levels of categories, and what 20,000 shoppers asked, and finishes the
// beginnings of queries and titles: of one letter to two words, as a shopper who types sends them one after the other.
func (a Autocomplete) Run(ctx context.Context, progress func(line string)) (*AutocompleteFigures, error) {
	if a.Items < 1 || a.Queries < 1 {
		return nil, errors.New("autocomplete: there must be at least one item and one query")
	}
	random := rand.New(rand.NewPCG(a.Seed, 1))
	zipf := rand.NewZipf(random, 1.1, 4, uint64(a.Items/10+1000))
	words := func(n int) string {
		text := ""
		for i := range n {
			if i > 0 {
				text += " "
			}
			text += spell(zipf.Uint64())
		}
		return text
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := cost.ProcessCPU()
	book, now := complete.New(), time.Unix(1<<30, 0)
	var typed []string
	for i := range a.Items {
		it := &shop.Item{Title: words(8), Brand: spell(uint64(random.IntN(1000) + 5000)), Categories: []string{spell(uint64(random.IntN(20) + 9000)), spell(uint64(random.IntN(400) + 9100))}}
		book.Put(uint32(i), it)
		if i%100_000 == 0 {
			if progress(fmt.Sprintf("%d of %d items", i, a.Items)); ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		if len(typed) < 5000 && random.IntN(1+a.Items/5000) == 0 {
			typed = append(typed, it.Title)
		}
	}
	for range 20_000 {
		query := words(2)
		for asker := range uint64(3 + random.IntN(4)) {
			book.Ask(query, asker, now)
		}
		typed = append(typed, query)
	}
	f := &AutocompleteFigures{Items: a.Items, Phrases: book.Len(), BuildSeconds: (cost.ProcessCPU() - begin).Seconds()}
	runtime.GC()
	runtime.ReadMemStats(&after)
	f.BytesPerItem = float64(after.HeapAlloc-before.HeapAlloc) / float64(a.Items)

	progress("finishing beginnings")
	run := func(change func(string) string) (times []float64, found float64) {
		for range a.Queries {
			text := typed[random.IntN(len(typed))]
			beginning := change(text[:1+random.IntN(min(len(text), 16))])
			meter := cost.Start()
			finished := book.Complete(beginning, 10, now, func(string) bool { return true })
			times = append(times, micros(meter.Stop()))
			if len(finished) > 0 {
				found++
			}
		}
		slices.Sort(times)
		return times, found / float64(a.Queries)
	}
	times, found := run(func(text string) string { return text })
	f.MedianMicros, f.P99Micros, f.Found = at(times, 0.5), at(times, 0.99), found
	times, f.MisspeltFound = run(func(text string) string { return edit(text, random) })
	f.MisspeltP99 = at(times, 0.99)
	runtime.KeepAlive(book)
	return f, nil
}

// spell writes a number in syllables.
func spell(n uint64) string {
	const syllables = "bacedifoguhejikalemonipurasetovuwaxeyizo"
	var b []byte
	for {
		b = append(b, syllables[2*(n%20)], syllables[2*(n%20)+1])
		if n /= 20; n == 0 {
			return string(b)
		}
	}
}
