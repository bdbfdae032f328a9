package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/blevesearch/vellum"
	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/postings"
)

// gathered is a source in memory: texts of words by slot.
type gathered struct {
	slots []catalogue.Slot
	texts [][]string
	stems []string
}

func gather(texts map[catalogue.Slot][]string) *gathered {
	g := &gathered{}
	for s := range texts {
		g.slots = append(g.slots, s)
	}
	slices.Sort(g.slots)
	for _, s := range g.slots {
		g.texts = append(g.texts, texts[s])
		g.stems = append(g.stems, texts[s]...)
	}
	slices.Sort(g.stems)
	g.stems = slices.Compact(g.stems)
	return g
}

func (g *gathered) Docs() int                      { return len(g.slots) }
func (g *gathered) Slot(doc uint32) catalogue.Slot { return g.slots[doc] }
func (g *gathered) Fingerprint(doc uint32) uint64  { return uint64(g.slots[doc]) * 7 }
func (g *gathered) Ties() (ties []byte) {
	for _, slot := range g.slots {
		ties = append(ties, byte(slot*3))
	}
	return ties
}

func (g *gathered) Coded(code uint64) uint32 { return uint32(code - FirstWord) }
func (g *gathered) Terms() int               { return len(g.stems) }
func (g *gathered) Text(term uint32) (stem, surface string) {
	return g.stems[term], g.stems[term] + "s"
}

func (g *gathered) Stream(doc uint32) []byte {
	b := binary.AppendUvarint(nil, FirstField)
	for _, word := range g.texts[doc] {
		at, _ := slices.BinarySearch(g.stems, word)
		b = binary.AppendUvarint(b, FirstWord+uint64(at))
	}
	return b
}

func (g *gathered) List(term uint32) postings.List {
	var docs, weights []byte
	for doc, text := range g.texts {
		if n := count(text, g.stems[term]); n > 0 {
			docs, weights = postings.AppendLoose(docs, weights, uint16(doc), uint8(n))
		}
	}
	return postings.Loose(docs, weights, 255)
}

func count(text []string, word string) (n int) {
	for _, w := range text {
		if w == word {
			n++
		}
	}
	return n
}

func drawTexts(t *rapid.T) map[catalogue.Slot][]string {
	words := strings.Fields("a b ab abc zebra 红色 色鞋 鞋 红红")
	return rapid.MapOfN(rapid.Custom(func(t *rapid.T) catalogue.Slot { return catalogue.Slot(rapid.IntRange(0, 400).Draw(t, "slot")) }),
		rapid.SliceOfN(rapid.SampledFrom(words), 0, 6), 1, 300).Draw(t, "texts")
}

// check compares a segment with the texts that it should hold.
func check(t interface{ Fatalf(string, ...any) }, s *Segment, texts map[catalogue.Slot][]string) {
	want := gather(texts)
	if s.Docs() != len(want.slots) || s.Terms() != len(want.stems) {
		t.Fatalf("%v, want %d documents and %d terms", s, len(want.slots), len(want.stems))
	}
	for doc, slot := range want.slots {
		at, ok := s.Find(slot)
		if !ok || at != uint32(doc) || s.Slot(at) != slot || s.Fingerprint(at) != uint64(slot)*7 || s.Ties()[at] != byte(slot*3) {
			t.Fatalf("Find(%d) = %d, %v", slot, at, ok)
		}
		var words []string
		for stream := s.Stream(at); len(stream) > 0; {
			code, n := binary.Uvarint(stream)
			if stream = stream[n:]; code >= FirstWord {
				stem, _ := s.Text(s.Coded(code))
				words = append(words, stem)
			}
		}
		if !slices.Equal(words, texts[slot]) {
			t.Fatalf("the words of %d are %q, want %q", slot, words, texts[slot])
		}
	}
	for i, stem := range want.stems {
		term, ok := s.Term(stem)
		if got, surface := s.Text(term); !ok || int(term) != i || got != stem || surface != stem+"s" || s.Coded(s.Code(term)) != term {
			t.Fatalf("Term(%q) = %d, %v", stem, term, ok)
		}
		got, list := s.List(term), want.List(uint32(i))
		if !slices.Equal(slices.Collect(got.All), slices.Collect(list.All)) {
			t.Fatalf("List(%q) differs", stem)
		}
	}
	if _, ok := s.Term("nothing"); ok {
		t.Fatalf("found what is not there")
	}
	var stems []string
	s.Prefix("a", func(term uint32) bool { stem, _ := s.Text(term); stems = append(stems, stem); return true })
	s.Accepted(&vellum.AlwaysMatch{}, "z", "", func(term uint32) bool { stem, _ := s.Text(term); stems = append(stems, stem); return true })
	for _, r := range "红色鞋" {
		s.Second(r, func(term uint32) bool { stem, _ := s.Text(term); stems = append(stems, stem); return true })
	}
	var expected []string
	for _, stem := range want.stems {
		if stem[0] == 'a' || stem[0] == 'z' || stem > "z" {
			expected = append(expected, stem)
		}
	}
	for _, pair := range []string{"红色", "色鞋"} {
		if slices.Contains(want.stems, pair) {
			expected = append(expected, pair)
		}
	}
	if !slices.Equal(stems, expected) {
		t.Fatalf("enumerated %q, want %q", stems, expected)
	}
}

func TestBuildHoldsWhatItWasGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left := map[catalogue.Slot][]string{}
		var parts []Part
		all := drawTexts(t)
		pieces := rapid.IntRange(1, 4).Draw(t, "pieces")
		cut := make([]map[catalogue.Slot][]string, pieces)
		for slot, text := range all {
			i := int(slot) * 7 % pieces
			if cut[i] == nil {
				cut[i] = map[catalogue.Slot][]string{}
			}
			cut[i][slot] = text
		}
		for _, texts := range cut {
			if texts == nil {
				continue
			}
			g := gather(texts)
			dead := catalogue.Bits(nil).Grow(g.Docs())
			for doc, slot := range g.slots {
				if slot%5 == 0 {
					dead.Set(catalogue.Slot(doc))
				} else {
					left[slot] = texts[slot]
				}
			}
			parts = append(parts, Part{g, dead})
		}
		b, err := Build(parts)
		if err != nil || (b == nil) != (len(left) == 0) {
			t.Fatalf("Build: %d bytes, %v", len(b), err)
		}
		if b == nil {
			return
		}
		s, err := Open(b)
		if err != nil {
			t.Fatal(err)
		}
		check(t, s, left)
		again, err := Build([]Part{{Source: s}})
		if err != nil || !slices.Equal(again, b) {
			t.Fatalf("a segment built of a segment differs: %v", err)
		}
	})
}

func example(t testing.TB) []byte {
	texts := map[catalogue.Slot][]string{}
	for i := range 600 {
		texts[catalogue.Slot(i*3)] = []string{"all", fmt.Sprint("w", i%40), fmt.Sprint("only", i), "红色"}
	}
	b, err := Build([]Part{{Source: gather(texts)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenRefusesWhatIsDamaged(t *testing.T) {
	good := example(t)
	for at := 0; at < len(good); at += 97 {
		bad := slices.Clone(good)
		bad[at] ^= 1
		if _, err := Open(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("a changed byte at %d: %v", at, err)
		}
		if _, err := Open(good[:at]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
}

// FuzzOpen changes bytes and puts the checksum right: what is opened then must not lead a reader astray.
func FuzzOpen(f *testing.F) {
	good := example(f)
	f.Add(uint32(40), byte(1), uint32(9), byte(3))
	f.Add(uint32(len(good)/2), byte(0x80), uint32(len(good)-30), byte(3))
	f.Fuzz(func(t *testing.T, at uint32, flip byte, at2 uint32, flip2 byte) {
		b := slices.Clone(good)
		b[int(at)%(len(b)-tailSize)] ^= flip
		b[int(at2)%(len(b)-tailSize)] ^= flip2
		binary.LittleEndian.PutUint32(b[len(b)-tailSize:], crc32.Checksum(b[:len(b)-tailSize], castagnoli))
		s, err := Open(b)
		if err != nil {
			return
		}
		for term := range uint32(s.Terms()) {
			stem, _ := s.Text(term)
			s.Term(stem)
			l := s.List(term)
			for p := range l.All {
				s.Slot(p.Doc())
			}
			s.Coded(s.Code(term))
		}
		s.Prefix("w", func(uint32) bool { return true })
		s.Second('色', func(uint32) bool { return true })
		s.Accepted(&vellum.AlwaysMatch{}, "", "", func(uint32) bool { return true })
	})
}

// TestOpenComesToAnEndOnAnyDictionary changes every byte of the dictionary and puts the checksum right: a transducer that runs in a
// circle, or that holds more than the terms, is refused, and one that is not refused can be walked.
func TestOpenComesToAnEndOnAnyDictionary(t *testing.T) {
	good := example(t)
	s, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	begin := len(good) - tailSize - len(s.parts[dictionary])
	refused := 0
	for at := begin; at < len(good)-tailSize; at++ {
		for _, flip := range []byte{1, 4, 0x10, 0x80, 0xff} {
			b := slices.Clone(good)
			b[at] ^= flip
			binary.LittleEndian.PutUint32(b[len(b)-tailSize:], crc32.Checksum(b[:len(b)-tailSize], castagnoli))
			s, err := Open(b)
			if err != nil {
				refused++
				continue
			}
			s.Accepted(&vellum.AlwaysMatch{}, "", "", func(uint32) bool { return true })
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}
