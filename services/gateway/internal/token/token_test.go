package token

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 123000, time.UTC)

func sample() *Attribution {
	return &Attribution{
		Request: NewID(now, [2]uint64{7, 9}), Made: now, Placement: "home", Model: "ranker-1a2b",
		Shopper: Digest("p1"), Items: []uint32{Digest("sku-1"), Digest("sku-2"), Digest("sku-3")},
	}
}

func TestAttribution(t *testing.T) {
	s := NewSigner([][]byte{[]byte("key")}, "attribution", time.Hour)
	got, err := s.Verify(s.Sign(sample()), now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*sample(), got); diff != "" {
		t.Errorf("Verify(Sign(a)) (-want +got):\n%s", diff)
	}
	if got.Place("sku-2") != 1 || got.Place("sku-9") != -1 {
		t.Errorf("Place(sku-2), Place(sku-9) = %d, %d, want 1, -1", got.Place("sku-2"), got.Place("sku-9"))
	}
}

func TestEveryAlteredByteIsNoticed(t *testing.T) {
	s := NewSigner([][]byte{[]byte("key")}, "attribution", time.Hour)
	text := s.Sign(sample())
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			bad := slices.Clone(raw)
			bad[i] ^= 1 << bit
			if _, err := s.Verify(base64.RawURLEncoding.EncodeToString(bad), now); !errors.Is(err, ErrForged) {
				t.Fatalf("byte %d bit %d flipped: %v, want ErrForged", i, bit, err)
			}
		}
	}
	for i := range text {
		bad := []byte(text)
		bad[i] ^= 1
		if _, err := s.Verify(string(bad), now); !errors.Is(err, ErrForged) {
			t.Fatalf("character %d altered: %v, want ErrForged", i, err)
		}
		if _, err := s.Verify(text[:i], now); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d characters: %v, want ErrForged", i, err)
		}
	}
}

func TestTokensOfOtherKeysUsesAndTimes(t *testing.T) {
	s := NewSigner([][]byte{[]byte("key"), []byte("old")}, "attribution", time.Hour)
	tests := map[string]struct {
		text string
		at   time.Time
		want error
	}{
		"another key":          {NewSigner([][]byte{[]byte("other")}, "attribution", time.Hour).Sign(sample()), now, ErrForged},
		"another use":          {NewSigner([][]byte{[]byte("key")}, "page", time.Hour).Sign(sample()), now, ErrForged},
		"expired":              {s.Sign(sample()), now.Add(time.Hour + time.Second), ErrExpired},
		"from the future":      {s.Sign(sample()), now.Add(-2 * time.Minute), ErrForged},
		"a key on its way out": {NewSigner([][]byte{[]byte("old")}, "attribution", time.Hour).Sign(sample()), now, nil},
		"a little ahead":       {s.Sign(sample()), now.Add(-time.Second), nil},
		"empty":                {"", now, ErrForged},
		"not base64":           {"!!!!", now, ErrForged},
		"long":                 {string(make([]byte, 1<<20)), now, ErrForged},
	}
	for name, test := range tests {
		if _, err := s.Verify(test.text, test.at); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestPage(t *testing.T) {
	s := NewSigner([][]byte{[]byte("key")}, "page", time.Hour)
	want := Page{Query: 1 << 63, Now: now, Offset: 40, Shown: []uint32{1, 2, 3}, Model: "m"}
	got, err := s.VerifyPage(s.SignPage(&want), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("VerifyPage(SignPage(p)) (-want +got):\n%s", diff)
	}
	full := Page{Now: now, Shown: make([]uint32, 1000)}
	if text := s.SignPage(&full); len(text) > maxEncoded {
		t.Errorf("a page of 1000 shown items takes %d characters, more than %d", len(text), maxEncoded)
	}
}

func TestIDsSortByTime(t *testing.T) {
	var before string
	for i := range 100 {
		id := NewID(now.Add(time.Duration(i)*time.Millisecond), [2]uint64{^uint64(i), uint64(i)}).String()
		if len(id) != 26 || id <= before {
			t.Fatalf("id %q does not follow %q", id, before)
		}
		before = id
	}
	// The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41.
	if got := NewID(time.UnixMilli(1469918176385), [2]uint64{}).String()[:10]; got != "01ARYZ6S41" {
		t.Errorf("time part = %s, want 01ARYZ6S41", got)
	}
}

func FuzzVerify(f *testing.F) {
	s := NewSigner([][]byte{[]byte("key")}, "attribution", time.Hour)
	genuine := s.Sign(sample())
	f.Add(genuine)
	f.Add(s.SignPage(&Page{Now: now}))
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := s.Verify(text, now); err == nil && text != genuine {
			t.Errorf("Verify(%q) passes", text)
		}
		s.VerifyPage(text, now)
	})
}

var sink string

func BenchmarkSign(b *testing.B) {
	s := NewSigner([][]byte{[]byte("key")}, "attribution", time.Hour)
	a := sample()
	a.Items = make([]uint32, 20)
	b.ReportAllocs()
	for b.Loop() {
		sink = s.Sign(a)
	}
}

func BenchmarkVerify(b *testing.B) {
	s := NewSigner([][]byte{[]byte("key")}, "attribution", time.Hour)
	a := sample()
	a.Items = make([]uint32, 20)
	text := s.Sign(a)
	b.ReportAllocs()
	for b.Loop() {
		got, err := s.Verify(text, now)
		if err != nil || got.Place(shop.ItemID("x")) > 0 {
			b.Fatal(err)
		}
	}
}
