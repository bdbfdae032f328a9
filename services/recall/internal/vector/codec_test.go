package vector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

func encoded(t testing.TB, ix *Index) []byte {
	t.Helper()
	b, err := ix.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCodec(t *testing.T) {
	vectors := clustered(1500, 20, 15, 19)
	flat, lists := filled(t, Options{Flat: 1 << 20, Tie: tieOf}, vectors[:40]), filled(t, small(), vectors)
	rebuilt(lists)
	for i := range 300 {
		lists.Delete(catalogue.Slot(3 * i))
	}
	for name, ix := range map[string]*Index{"empty": New(small()), "flat": flat, "lists": lists} {
		b := encoded(t, ix)
		other, err := Decode(b, ix.o, 1500)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := encoded(t, other); !bytes.Equal(again, b) {
			t.Errorf("%s: written again it differs", name)
		}
		var s, u Scratch
		for i := range 30 {
			if diff := gocmp.Diff(ix.Search(&s, vectors[i*40], 20, nil), other.Search(&u, vectors[i*40], 20, nil)); diff != "" {
				t.Fatalf("%s: query %d: %s", name, i, diff)
			}
		}
	}
	b := encoded(t, flat)
	for i := range b {
		broken := slices.Clone(b)
		broken[i] ^= 0x10
		if _, err := Decode(broken, flat.o, 1500); !errors.Is(err, ErrBroken) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := Decode(b[:i], flat.o, 1500); !errors.Is(err, ErrBroken) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := Decode(b, flat.o, 39); !errors.Is(err, ErrBroken) {
		t.Errorf("a slot beyond the limit: %v", err)
	}
}

// FuzzDecode repairs the checksum, so that what stands before it is looked at.
func FuzzDecode(f *testing.F) {
	vectors := clustered(600, 5, 9, 23)
	lists := filled(f, small(), vectors)
	rebuilt(lists)
	for _, ix := range []*Index{New(small()), filled(f, small(), vectors[:3]), lists} {
		b := encoded(f, ix)
		f.Add(b[:len(b)-checkBytes])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(castagnoli)))
		ix, err := Decode(b, small(), 1000)
		if err != nil {
			if !errors.Is(err, ErrBroken) {
				t.Fatal(err)
			}
			return
		}
		var s Scratch
		ix.Search(&s, make([]float32, ix.Dims()), 5, nil)
		if x := vectors[0]; ix.Dims() == len(x) {
			if got := ix.Search(&s, x, 5, nil); len(got) > ix.Len() {
				t.Fatalf("%d found of %d", len(got), ix.Len())
			}
		}
	})
}
