package trainer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/sequel"
)

// fewVisits are options that take a moment.
func fewVisits() sequel.Options {
	o := sequel.Quick()
	o.Fit, o.Valid, o.Probe, o.Boost.Trees = 250, 200, 0, 3
	return o
}

// walks is a log of visits that go round a circle of items.
func walks(visits int) *corpus.Corpus {
	var l corpus.Log
	random := rand.New(rand.NewPCG(1, 1))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range visits {
		item := random.IntN(30)
		for range 4 {
			at = at.Add(time.Second)
			l.Add(&shop.Event{
				ID: fmt.Sprint(at.Unix()), Kind: shop.ViewItem, Time: at, Session: shop.SessionID(fmt.Sprint("s", i)),
				Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint("i", item%30))}},
			})
			item++
		}
	}
	return l.Corpus()
}

func TestSessionsAreLearntAndPublished(t *testing.T) {
	kit := servicetest.Kit(t, "trainer")
	r := &room{kit: kit, config: quick()}
	if err := r.teachSessions(t.Context(), walks(40), fewVisits(), "a test"); err != nil {
		t.Fatalf("too few visits: %v", err)
	}
	if found := cards(t, kit, slotSession); len(found) > 0 {
		t.Fatalf("of too few visits %+v was learnt", found)
	}
	if err := r.teachSessions(t.Context(), walks(800), fewVisits(), "a test"); err != nil {
		t.Fatal(err)
	}
	found := cards(t, kit, slotSession)
	if len(found) != 1 || found[0].Kind != model.KindSession || found[0].Metrics["ndcg@20_"+found[0].Note] < 0.5 {
		t.Errorf("cards %+v, want one, of a model that is right as a rule", found)
	}
	opened := make(chan error, 1)
	watched := make(chan error, 1)
	go func() {
		watched <- kit.Models.Watch(t.Context(), slotSession, func(_ registry.Card, file []byte) error {
			_, err := session.Open(file)
			opened <- err
			return err
		})
	}()
	if err := <-opened; err != nil {
		t.Errorf("what was published does not open: %v", err)
	}
	t.Cleanup(func() { <-watched })
}
