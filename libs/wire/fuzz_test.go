package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// fuzzMessage feeds bytes to the decoder of one message. What it accepts must survive another round trip, and its tables must
// be readable when they pass their check.
func fuzzMessage[M any, P interface {
	*M
	proto.Message
}](f *testing.F, name string, tables func(P) []*Columns) {
	golden, err := proto.MarshalOptions{Deterministic: true}.Marshal(messages()[name])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(golden[:len(golden)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		first, second := P(new(M)), P(new(M))
		if proto.Unmarshal(data, first) != nil {
			return
		}
		for _, table := range tables(first) {
			readTable(t, table)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(first)
		if err != nil {
			t.Fatalf("marshal what was decoded: %v", err)
		}
		if err := proto.Unmarshal(again, second); err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if !proto.Equal(first, second) {
			t.Errorf("a round trip changed the message: %v and %v", first, second)
		}
	})
}

// readTable reads all of a table that passes its check.
func readTable(t *testing.T, c *Columns) {
	if c.Check() != nil {
		return
	}
	n := c.Len()
	if got := len(c.AppendIDs(nil)); got != n {
		t.Errorf("%d ids of %d", got, n)
	}
	for _, name := range c.GetNames() {
		if got := len(c.Column(name, nil)); got != n {
			t.Errorf("column %q has %d values of %d", name, got, n)
		}
	}
}

func FuzzRecallRequest(f *testing.F) {
	fuzzMessage(f, "recall_request", func(*RecallRequest) []*Columns { return nil })
}

func FuzzRecallReply(f *testing.F) {
	fuzzMessage(f, "recall_reply", func(m *RecallReply) []*Columns { return []*Columns{m.GetCandidates()} })
}

func FuzzRankRequest(f *testing.F) {
	fuzzMessage(f, "rank_request", func(m *RankRequest) []*Columns { return []*Columns{m.GetCandidates()} })
}

func FuzzRankReply(f *testing.F) {
	fuzzMessage(f, "rank_reply", func(m *RankReply) []*Columns {
		Floats(m.GetScores(), nil)
		return nil
	})
}

func FuzzColumnsCheck(f *testing.F) {
	f.Add([]byte("item-0item-1"), []byte{6, 12}, uint8(1), []byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, ids, ends []byte, names uint8, values []byte) {
		c := &Columns{Ids: ids, Values: values}
		for _, end := range ends {
			// Signed, so that ends far beyond the ids are tried as well.
			c.Ends = append(c.Ends, uint32(int8(end)))
		}
		for i := range names % 8 {
			c.Names = append(c.Names, string(rune('a'+i)))
		}
		readTable(t, c)
	})
}

func FuzzItemToken(f *testing.F) {
	f.Add("sku-1", "=5ZWG5ZOB")
	f.Add("a b", "=")
	f.Fuzz(func(t *testing.T, id, token string) {
		made := ItemToken(shop.ItemID(id))
		if back, err := ItemFromToken(made); err != nil || string(back) != id {
			t.Errorf("ItemFromToken(ItemToken(%q)) = %q, %v", id, back, err)
		}
		if id != "" && strings.ContainsAny(made, ".*> \t\r\n\x00") || !utf8.ValidString(made) {
			t.Errorf("ItemToken(%q) = %q is not one token of a subject", id, made)
		}
		if back, err := ItemFromToken(token); err == nil {
			// Two tokens may name one item ("x" needs no escape), but reading is stable.
			if again, err := ItemFromToken(ItemToken(back)); err != nil || again != back {
				t.Errorf("token %q reads as %q and then as %q, %v", token, back, again, err)
			}
		}
	})
}

func FuzzVitals(f *testing.F) {
	seed, err := json.Marshal(vitals())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second Vitals
		if json.Unmarshal(data, &first) != nil {
			return
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Skip("a time outside of RFC 3339's years is read but not written")
		}
		if err := json.Unmarshal(again, &second); err != nil {
			t.Fatalf("decode what was encoded, %s: %v", again, err)
		}
		third, err := json.Marshal(second)
		if err != nil || !bytes.Equal(again, third) {
			t.Errorf("a round trip changed %s into %s, %v", again, third, err)
		}
	})
}

// Encode and decode of what the gateway sends to ranking: the table filled, marshalled, unmarshalled, checked and read.
func BenchmarkRankRequest(b *testing.B) {
	// A service holds a catalogue: without a heap of that size the collector would run every hundred rounds.
	heap := make([]byte, 64<<20)
	defer runtime.KeepAlive(heap)
	for _, size := range []struct{ candidates, columns int }{{20, 8}, {100, 32}, {200, 32}} {
		names := make([]string, size.columns)
		for i := range names {
			names[i] = fmt.Sprint("feature_", i)
		}
		values := make([]float32, size.candidates*size.columns)
		ids := columns(size.candidates).AppendIDs(nil)
		b.Run(fmt.Sprintf("%dx%d", size.candidates, size.columns), func(b *testing.B) {
			sent := &RankRequest{Candidates: new(Columns), Shopper: "p-0123456789abcdef", Placement: "home", NowMicros: 1_767_225_600_000_000}
			received, column := new(RankRequest), make([]float32, size.candidates)
			var buffer []byte
			var read []shop.ItemID
			b.ReportAllocs()
			for b.Loop() {
				sent.Candidates.Clear(names...)
				for _, id := range ids {
					sent.Candidates.AddID(id)
				}
				sent.Candidates.SetValues(values)
				var err error
				if buffer, err = (proto.MarshalOptions{}).MarshalAppend(buffer[:0], sent); err != nil {
					b.Fatal(err)
				}
				if err := proto.Unmarshal(buffer, received); err != nil {
					b.Fatal(err)
				}
				if err := received.Candidates.Check(); err != nil {
					b.Fatal(err)
				}
				read = received.Candidates.AppendIDs(read[:0])
				for _, name := range names {
					column = received.Candidates.Column(name, column)
				}
			}
			b.SetBytes(int64(len(buffer)))
		})
	}
}
