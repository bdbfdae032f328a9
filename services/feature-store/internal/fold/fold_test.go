package fold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 9, 16, 12, 0, 0, 0, time.UTC)

const window = 30 * 24 * time.Hour

// message is one message of the stream.
type message struct {
	payload []byte
	at      time.Time
}

// disk stands in for Redis: what it holds changes by whole transactions.
type disk map[string][]byte

// world folds messages as the door does.
type world struct {
	book  *Book
	disk  disk
	batch Batch
}

func newWorld(d disk) *world { return &world{book: New(Options{DuplicateWindow: window}), disk: d} }

// take folds messages without writing anything.
func (w *world) take(t interface{ Fatalf(string, ...any) }, messages []message) (counts Counts) {
	w.batch.Reset()
	for _, m := range messages {
		w.batch.Add(m.payload, m.at, func(line []byte, reason error) { t.Fatalf("line %s refused: %v", line, reason) })
	}
	w.batch.Need(w.book)
	var values [][]byte
	for _, key := range w.book.Missing(nil) {
		values = append(values, w.disk[key])
	}
	if err := w.book.Load(values); err != nil {
		t.Fatalf("load: %v", err)
	}
	w.batch.Fold(w.book, &counts)
	return counts
}

// write writes the changes.
func (w *world) write() {
	for _, c := range w.book.Changes(nil) {
		w.disk[c.Key] = bytes.Clone(c.Value)
	}
	w.book.Clean()
}

// rows returns what queries can see.
func (d disk) rows() disk {
	rows := maps.Clone(d)
	maps.DeleteFunc(rows, func(key string, _ []byte) bool {
		return key != feature.ItemKey("x") && !bytes.HasPrefix([]byte(key), []byte(feature.ItemKey(""))) && !bytes.HasPrefix([]byte(key), []byte(feature.ShopperKey("")))
	})
	return rows
}

func drawEvents(t *rapid.T) []shop.Event {
	n := rapid.IntRange(1, 40).Draw(t, "events")
	events := make([]shop.Event, n)
	for i := range events {
		e := &events[i]
		e.ID = fmt.Sprintf("e%d", i)
		e.Kind = rapid.SampledFrom(shop.EventKinds[:]).Draw(t, "kind")
		e.Time = noon.Add(-time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hours")) * time.Hour)
		e.Shopper = rapid.SampledFrom([]shop.ShopperID{"", "anna", "bert"}).Draw(t, "shopper")
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprint("i", rapid.IntRange(0, 6).Draw(t, "item"))), Index: i % 7})
		}
	}
	return events
}

// messagesOf puts events into messages of one to three lines, taken by the stream one second after the other.
func messagesOf(t *rapid.T, events []shop.Event) []message {
	var messages []message
	for i := 0; i < len(events); {
		m := message{at: noon.Add(time.Duration(len(messages)) * time.Second)}
		for range rapid.IntRange(1, 3).Draw(t, "lines") {
			if i == len(events) {
				break
			}
			line, err := json.Marshal(&events[i])
			if err != nil {
				t.Fatal(err)
			}
			m.payload, i = append(append(m.payload, line...), '\n'), i+1
		}
		messages = append(messages, m)
	}
	return messages
}

// naive folds each event once, straight into rows.
func naive(events []shop.Event) disk {
	items, shoppers := map[shop.ItemID]*feature.ItemRow{}, map[shop.ShopperID]*feature.ShopperRow{}
	for i := range events {
		e := &events[i]
		for k := range e.Items {
			if items[e.Items[k].ID] == nil {
				items[e.Items[k].ID] = &feature.ItemRow{}
			}
			items[e.Items[k].ID].ApplyEvent(e, k)
		}
		if e.Shopper != "" {
			if shoppers[e.Shopper] == nil {
				shoppers[e.Shopper] = &feature.ShopperRow{}
			}
			shoppers[e.Shopper].Apply(e)
		}
	}
	d := disk{}
	for id, r := range items {
		d[feature.ItemKey(id)], _ = r.AppendBinary(nil)
	}
	for id, r := range shoppers {
		d[feature.ShopperKey(id)], _ = r.AppendBinary(nil)
	}
	return d
}

func TestAnyOrderAndAnyDuplicationGivesTheSameRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		sent := slices.Clone(events)
		for range rapid.IntRange(0, 2*len(events)).Draw(t, "duplicates") {
			sent = append(sent, events[rapid.IntRange(0, len(events)-1).Draw(t, "again")])
		}
		sent = rapid.Permutation(sent).Draw(t, "order")
		w := newWorld(disk{})
		messages := messagesOf(t, sent)
		for len(messages) > 0 {
			n := rapid.IntRange(1, len(messages)).Draw(t, "batch")
			w.take(t, messages[:n])
			messages = messages[n:]
			if rapid.Bool().Draw(t, "write") {
				w.write()
				w.book.Shrink(rapid.IntRange(0, 20).Draw(t, "most"))
			}
		}
		w.write()
		if diff := cmp.Diff(naive(events), w.disk.rows()); diff != "" {
			t.Fatalf("rows (-each event once +folded):\n%s", diff)
		}
	})
}

// TestACrashAnywhereChangesNothing ends the writer before or after a transaction, any number of times: what is on disk at the
// end is bit-equal to a run without a crash, states and all.
func TestACrashAnywhereChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		sent := append(slices.Clone(events), events[:rapid.IntRange(0, len(events)).Draw(t, "duplicates")]...)
		messages := messagesOf(t, sent)
		straight := newWorld(disk{})
		straight.take(t, messages)
		straight.write()

		shaken, mark := newWorld(disk{}), 0
		for at := 0; at < len(messages) || mark < len(messages); {
			n := min(rapid.IntRange(1, 4).Draw(t, "batch"), len(messages)-at)
			shaken.take(t, messages[at:at+n])
			at += n
			switch rapid.SampledFrom([]string{"write", "go on", "crash", "write, crash"}).Draw(t, "step") {
			case "write":
				shaken.write()
				mark = at
			case "go on":
				if at == len(messages) {
					shaken.write()
					mark = at
				}
			case "crash":
				shaken, at = newWorld(shaken.disk), mark
			case "write, crash":
				shaken.write()
				shaken, mark = newWorld(shaken.disk), at
			}
		}
		if diff := cmp.Diff(straight.disk, shaken.disk); diff != "" {
			t.Fatalf("disk (-without +with crashes):\n%s", diff)
		}
	})
}

func TestOutcomes(t *testing.T) {
	w := newWorld(disk{})
	line := func(id, shopper string, items string) []byte {
		return fmt.Appendf(nil, `{"event_id":%q,"event":"view_item","timestamp":"2026-09-16T11:00:00Z","shopper_id":%q,"items":[%s]}`, id, shopper, items)
	}
	var messages []message
	for _, payload := range [][]byte{line("a", "anna", `{"item_id":"x"}`), line("a", "anna", `{"item_id":"x"}`), line("a", "bert", `{"item_id":"x"}`), line("b", "", `{"item_id":"x"}`), line("b", "", `{"item_id":"x"}`), line("c", "", ""), line("d", "anna", "")} {
		messages = append(messages, message{payload, noon})
	}
	got := w.take(t, messages)
	if want := (Counts{Folded: 4, Duplicate: 2, Ignored: 1}); got != want {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

func TestRefusedLinesDoNotHoldUpTheOthers(t *testing.T) {
	good := `{"event_id":"a","event":"view_item","timestamp":"2026-09-16T11:00:00Z","items":[{"item_id":"x"}]}`
	bad := []string{
		`{"event_id":`, `{"event_id":"","event":"view_item"}`, `{"event_id":"b","event":"dance"}`, `{"event_id":"c","event":"view_item","items":[{"item_id":""}]}`,
		`{"event_id":"d","event":"view_item","shopper_id":"` + string(bytes.Repeat([]byte("x"), 200)) + `"}`,
	}
	var batch Batch
	var refused []string
	batch.Add([]byte(bad[0]+"\n"+good+"\n"+bad[1]+"\n"+bad[2]+"\n"+bad[3]+"\n"+bad[4]), noon, func(line []byte, _ error) { refused = append(refused, string(line)) })
	if diff := cmp.Diff(bad, refused); diff != "" || batch.Len() != 1 {
		t.Errorf("%d events; refused (-want +got):\n%s", batch.Len(), diff)
	}
}

func TestTimesAreClamped(t *testing.T) {
	w := newWorld(disk{})
	w.take(t, []message{{[]byte(`{"event_id":"a","event":"view_item","timestamp":"9999-09-16T11:00:00Z","items":[{"item_id":"x"}]}`), noon}, {[]byte(`{"event_id":"b","event":"view_item","items":[{"item_id":"x"}]}`), noon}})
	if got := w.book.items["x"].row.Day(feature.Viewed, 0, noon); got != 2 {
		t.Errorf("today has %d views, want 2: one from the far future, one without a time", got)
	}
}

func TestSeenForgetsByTheClockOfTheStream(t *testing.T) {
	var s seen
	for i, step := range []struct {
		id    string
		after time.Duration
		fresh bool
	}{
		{"a", 0, true},
		{"b", time.Hour, true},
		{"a", window, false},
		{"a", window + time.Second, true}, // longer ago than the window
		{"b", window + time.Second, false},
	} {
		if got := s.add(step.id, noon.Add(step.after), window); got != step.fresh {
			t.Errorf("step %d: add(%s) = %v, want %v", i, step.id, got, step.fresh)
		}
	}
	for i := range 2 * mostSeen {
		s.add(fmt.Sprint(i), noon, window)
	}
	if len(s.hashes) != mostSeen || s.add(fmt.Sprint(2*mostSeen-1), noon, window) {
		t.Errorf("%d ids are kept, want the newest %d", len(s.hashes), mostSeen)
	}
}

func FuzzStates(f *testing.F) {
	w := newWorld(disk{})
	w.take(rapidless{f}, []message{{[]byte(`{"event_id":"a","event":"purchase","timestamp":"2026-09-16T11:00:00Z","shopper_id":"anna","items":[{"item_id":"x"}]}`), noon}})
	w.write()
	f.Add(w.disk[feature.ShopperStateKey("anna")])
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s seen
		if rest, err := s.decode(b); err == nil {
			var again seen
			after, err := again.decode(append(s.appendTo(nil), rest...))
			if err != nil || !slices.Equal(again.hashes, s.hashes) || !slices.Equal(again.at, s.at) || !bytes.Equal(after, rest) {
				t.Fatalf("round trip of %x: %v", b, err)
			}
		}
		book := New(Options{DuplicateWindow: window})
		e := shop.Event{ID: "a", Kind: shop.Purchase, Shopper: "anna", Items: []shop.EventItem{{ID: "x"}}}
		book.Need(&e)
		if book.Load([][]byte{b, nil}) == nil {
			book.Apply(&e, noon)
			book.Changes(nil)
		}
	})
}

// rapidless makes a fuzz target fit take.
type rapidless struct{ *testing.F }

// BenchmarkFold folds batches of events as a replay does: decode, load nothing, apply, encode what changed.
func BenchmarkFold(b *testing.B) {
	for _, items := range []int{1, 5, 20} {
		b.Run(fmt.Sprint("items=", items), func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 1))
			const batch = 2048
			var payloads [][]byte
			for i := range 8 * batch {
				e := shop.Event{ID: fmt.Sprint("event-", i), Kind: shop.EventKinds[random.IntN(len(shop.EventKinds))], Time: noon.Add(-time.Duration(random.IntN(3000)) * time.Minute), Shopper: shop.ShopperID(fmt.Sprint("shopper-", random.IntN(2000))), Session: "s", Placement: "home"}
				for k := range items {
					e.Items = append(e.Items, shop.EventItem{ID: shop.ItemID(fmt.Sprint("item-", int(20000*random.Float64()*random.Float64()))), Index: k, Price: 9.5})
				}
				line, err := json.Marshal(&e)
				if err != nil {
					b.Fatal(err)
				}
				payloads = append(payloads, line)
			}
			book, events := New(Options{DuplicateWindow: window}), Batch{}
			var changes []Change
			var counts Counts
			at, folded := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				if at == len(payloads) {
					at = 0
					book.Forget()
				}
				events.Reset()
				for _, payload := range payloads[at : at+batch] {
					events.Add(payload, noon, func([]byte, error) { b.Fatal("refused") })
				}
				at, folded = at+batch, folded+batch
				events.Need(book)
				book.LoadNothing()
				events.Fold(book, &counts)
				changes = book.Changes(changes[:0])
				book.Clean()
			}
			b.ReportMetric(float64(folded)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
