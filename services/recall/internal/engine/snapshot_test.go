package engine

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/snapshot"
)

// saved writes a snapshot of e into memory.
func saved(t fataler, e *Engine, o Options) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := snapshot.NewWriter(&file, snapshot.Header{Settings: o.Settings()})
	if err == nil {
		err = e.Save(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatalf("save: %v", err)
	}
	return file.Bytes()
}

func loaded(t fataler, file []byte, o Options) *Engine {
	t.Helper()
	r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	e, err := Load(o, r)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return e
}

// questions ask something of every part of the state.
func questions(items []*shop.Item, events []shop.Event) []*wire.RecallRequest {
	var all []*wire.RecallRequest
	for i := 0; i < len(events); i += len(events)/3 + 1 {
		e, it := &events[i], items[i%len(items)]
		all = append(all,
			&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: string(e.Shopper), Session: string(e.Session), Limit: 30},
			&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, ContextItems: []string{string(it.ID)}, Limit: 30},
			&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{string(it.ID)}, Limit: 30},
			&wire.RecallRequest{Query: it.Title, Facets: []string{"brand", "category", "price"}, Limit: 30},
			&wire.RecallRequest{Query: it.Title[:3], Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE},
		)
	}
	for _, order := range []string{"", "price", "newest", "popular"} {
		all = append(all, &wire.RecallRequest{OrderBy: order, Facets: []string{"brand", "colour", "availability"}, Limit: 30})
	}
	return append(all, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_TRENDING, Limit: 30})
}

// differ returns how the answers of two engines to the same questions differ; what they cost is not compared.
func differ(t fataler, one, two *Engine, requests []*wire.RecallRequest) string {
	t.Helper()
	for _, request := range requests {
		var replies [2]*wire.RecallReply
		for i, e := range []*Engine{one, two} {
			replies[i] = &wire.RecallReply{}
			span, _ := cost.Enter(context.Background())
			err := e.Answer(request, replies[i], now, &span)
			span.Leave()
			if err != nil {
				t.Fatalf("%v: %v", request, err)
			}
			replies[i].Stages = nil
		}
		if diff := cmp.Diff(replies[0], replies[1], protocmp.Transform()); diff != "" {
			return fmt.Sprintf("%v (-one +two):\n%s", request, diff)
		}
	}
	return ""
}

// histories is how many histories of a shop a test goes through.
const histories = 12

// step is one message of a stream: a change of an item, or an event.
type step struct {
	change *Change
	event  *shop.Event
}

// happenings draws what a shop goes through: items come, change and go while shoppers do something.
func happenings(r *rand.Rand, items []*shop.Item, events []shop.Event) []step {
	var steps []step
	for range 1 + r.IntN(300) {
		switch r.IntN(6) {
		case 0:
			steps = append(steps, step{change: &Change{ID: items[r.IntN(len(items))].ID}})
		case 1, 2:
			it := *items[r.IntN(len(items))]
			it.Price += float64(r.IntN(3))
			steps = append(steps, step{change: &Change{ID: it.ID, Item: &it}})
		default:
			e := events[r.IntN(len(events))]
			steps = append(steps, step{event: &e})
		}
	}
	return steps
}

// tell hands steps to e in batches of at most most.
func tell(e *Engine, steps []step, most int) {
	var changes []Change
	var events []shop.Event
	flush := func() {
		e.Apply(changes)
		e.Observe(events)
		changes, events = nil, nil
	}
	for _, s := range steps {
		// What came of the other stream goes first: within one stream the order stays.
		if (s.change != nil && len(events) > 0) || (s.event != nil && len(changes) > 0) || len(changes)+len(events) == most {
			flush()
		}
		if s.change != nil {
			changes = append(changes, *s.change)
		} else {
			events = append(events, *s.event)
		}
	}
	flush()
}

// TestRestartedReplicaAnswersTheSame takes a snapshot anywhere in a history and goes on from it beside the one that never stopped.
func TestRestartedReplicaAnswersTheSame(t *testing.T) {
	items, events := generatedShop(60, 600)
	requests := questions(items, events)
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 1))
		steps := happenings(r, items, events)
		cut := r.IntN(len(steps) + 1)
		one := New(small())
		tell(one, steps[:cut], 16)
		two := loaded(t, saved(t, one, small()), small())
		tell(one, steps[cut:], 16)
		tell(two, steps[cut:], 5)
		if diff := differ(t, one, two, requests); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		live := map[shop.ItemID]bool{}
		for _, s := range steps {
			if s.change != nil {
				live[s.change.ID] = s.change.Item != nil
			}
		}
		ids, _ := ask(t, two, &wire.RecallRequest{Limit: 100})
		for _, id := range ids {
			if !live[id] {
				t.Fatalf("seed %d: %s was deleted and is found again", seed, id)
			}
		}
	}
}

// TestReplicasDoNotShowTheirBatches tells two replicas the same, one in larger batches and some of it twice.
func TestReplicasDoNotShowTheirBatches(t *testing.T) {
	items, events := generatedShop(60, 600)
	requests := questions(items, events)
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 2))
		steps := happenings(r, items, events)
		one, two := New(small()), New(small())
		tell(one, steps, 1+r.IntN(40))
		var again []step
		for i, s := range steps {
			again = append(again, s)
			if s.change != nil && i%3 == 0 || s.event != nil && s.event.ID != "" && i%4 == 0 {
				again = append(again, s)
			}
		}
		tell(two, again, 1+r.IntN(40))
		if diff := differ(t, one, two, requests); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// TestMergingDoesNotShow tells two replicas the same, of which one makes a segment of its index of words whenever it likes.
func TestMergingDoesNotShow(t *testing.T) {
	items, events := generatedShop(60, 600)
	requests := questions(items, events)
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 3))
		steps := happenings(r, items, events)
		one, two := New(small()), New(small())
		tell(one, steps, 16)
		for len(steps) > 0 {
			n := 1 + r.IntN(min(len(steps), 60))
			tell(two, steps[:n], 16)
			steps = steps[n:]
			if err := two.words.Compact(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := differ(t, one, two, requests); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestSnapshotOfOtherSettingsIsRefused(t *testing.T) {
	o := small()
	file := saved(t, boutique(), o)
	o.TrendingHalfLife *= 2
	r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(o, r); err == nil {
		t.Error("a snapshot of another half-life is loaded")
	}
}

// FuzzLoad breaks the bytes of one section behind its checksum: it is refused, or answers.
func FuzzLoad(f *testing.F) {
	file := saved(f, boutique(), small())
	sectionsOf := func(tb fataler) [][]byte {
		r, err := snapshot.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			tb.Fatalf("%v", err)
		}
		var all [][]byte
		for range sections {
			_, b, err := r.Next()
			if err != nil {
				tb.Fatalf("%v", err)
			}
			all = append(all, b)
		}
		return all
	}
	for i, b := range sectionsOf(f) {
		if len(b) < 1<<16 {
			f.Add(i, b)
		}
	}
	f.Fuzz(func(t *testing.T, at int, b []byte) {
		at = int(uint(at) % uint(len(sections)))
		e := New(small())
		for i, whole := range sectionsOf(t) {
			if i == at {
				whole = b
			}
			if err := sections[i].load(e, whole); err != nil {
				return
			}
		}
		_ = differ(t, e, e, []*wire.RecallRequest{
			{Query: "red shoe", Facets: []string{"brand", "price"}},
			{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: "a"},
			{Purpose: wire.Purpose_PURPOSE_AUTOCOMPLETE, Query: "s"},
		})
		e.Apply(put(&shop.Item{ID: "new", Title: "red shoe"}))
	})
}
