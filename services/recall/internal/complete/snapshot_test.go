package complete

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// grown returns a book of n items that came, changed and went, and of queries.
func grown(random *rand.Rand, n int) *Book {
	b := New()
	word := func() string { return string([]byte{byte('a' + random.IntN(3)), byte('A' + random.IntN(26))}) }
	for range n {
		item := uint32(random.IntN(n))
		switch random.IntN(6) {
		case 0:
			b.Ask(word()+" "+word(), uint64(random.IntN(5)), now.Add(time.Duration(random.IntN(100))*time.Hour))
		case 1:
			b.Put(item, nil)
		default:
			b.Put(item, &shop.Item{
				Title: word() + " 红鞋 " + word(), Titles: map[string]string{"de": word() + word()}, Brand: word(), Categories: []string{word(), word()},
			})
		}
	}
	return b
}

// TestOpenedBookIsTheSame goes on with a book that was opened as with the one that was saved, and saves both again.
func TestOpenedBookIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		b := grown(random, rapid.IntRange(1, 500).Draw(t, "items"))
		saved, again := b.AppendBinary(nil), New()
		if err := again.Restore(saved); err != nil {
			t.Fatal(err)
		}
		if twice := again.AppendBinary(nil); !bytes.Equal(twice, saved) {
			t.Fatal("a book that was opened is saved as another")
		}
		for range 200 {
			item := uint32(random.IntN(500))
			it := &shop.Item{Title: fmt.Sprint("b", random.IntN(99)), Brand: fmt.Sprint("c", random.IntN(9))}
			if random.IntN(2) == 0 {
				it = nil
			}
			b.Put(item, it)
			again.Put(item, it)
			query, asker := fmt.Sprint("a", random.IntN(20)), uint64(random.IntN(5))
			b.Ask(query, asker, now)
			again.Ask(query, asker, now)
		}
		for _, prefix := range []string{"a", "ab", "b", "c", "红"} {
			if x, y := b.Complete(prefix, 5, now, yes), again.Complete(prefix, 5, now, yes); !slices.Equal(x, y) {
				t.Fatalf("after a restart %q completes to %q, was %q", prefix, y, x)
			}
		}
		for n := range uint32(500) {
			b.Put(n, nil)
		}
		if b.Len() != len(b.shelf.asked)-len(b.shelf.freeAsked) || b.Bytes() <= 0 {
			t.Fatalf("%d phrases are left without items, %d queries", b.Len(), len(b.shelf.asked))
		}
	})
}

func TestBrokenBooksAreRefused(t *testing.T) {
	b := grown(rand.New(rand.NewPCG(1, 2)), 100)
	good := b.AppendBinary(nil)
	for n := 0; n < len(good); n += 3 {
		if err := New().Restore(good[:n]); !errors.Is(err, pack.ErrBroken) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
	if err := New().Restore(append(slices.Clone(good), 0)); !errors.Is(err, pack.ErrBroken) {
		t.Errorf("one byte more: %v", err)
	}
	for what, change := range map[string]func(b *Book){
		"is not sorted": func(b *Book) {
			leaf := b.marks.blocks[0].leaf
			leaf.marks[3], leaf.marks[4] = leaf.marks[4], leaf.marks[3]
		},
		"is there twice":        func(b *Book) { b.marks.blocks[0].marks[3] = b.marks.blocks[0].marks[4] },
		"is of no phrase":       func(b *Book) { b.marks.blocks[0].marks[3] = markOf(uint32(len(b.shelf.phrases)), 0) },
		"is none of the phrase": func(b *Book) { b.marks.blocks[0].marks[3] |= 7 },
		"is missing":            func(b *Book) { b.marks.blocks[0].n-- },
		"has other uses": func(b *Book) {
			b.shelf.phrases[slices.IndexFunc(b.shelf.phrases, func(p phrase) bool { return p.kind == Title })].uses++
		},
		"is asked by nobody": func(b *Book) { b.shelf.asked[0].uses = -1 },
		"is another's":       func(b *Book) { b.shelf.asked[0].phrase = b.shelf.asked[1].phrase },
	} {
		b := New()
		if err := b.Restore(good); err != nil {
			t.Fatal(err)
		}
		change(b)
		if err := New().Restore(b.AppendBinary(nil)); !errors.Is(err, pack.ErrBroken) {
			t.Errorf("a beginning or query that %s: %v", what, err)
		}
	}
}

// FuzzRestore opens bytes of which nothing is known. What is opened can be used, and is saved as it was.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(New().AppendBinary(nil))
	for _, n := range []int{1, 20, 400} {
		f.Add(grown(rand.New(rand.NewPCG(1, uint64(n))), n).AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		book := New()
		if err := book.Restore(b); err != nil {
			if !errors.Is(err, pack.ErrBroken) {
				t.Fatal(err)
			}
			return
		}
		if err := New().Restore(book.AppendBinary(nil)); err != nil {
			t.Fatal(err)
		}
		for i := range uint32(book.items.Len()) {
			book.Put(i, nil)
		}
		book.Ask("abc", 1, now)
		book.Put(3, &shop.Item{Title: strings.Repeat("ab ", 40)})
		if got := book.Complete("ab", 3, now, yes); len(got) == 0 {
			t.Error("an item that was put is not found")
		}
	})
}
