package session

import (
	"slices"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/session"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
)

func TestKey(t *testing.T) {
	at := time.Date(2026, 1, 1, 10, 45, 0, 0, time.UTC)
	for _, c := range []struct {
		event shop.Event
		want  shop.SessionID
		ok    bool
	}{
		{shop.Event{Session: "s", Shopper: "p", Time: at}, "s", true},
		{shop.Event{Shopper: "p", Time: at}, "p 2026-01-01T10:30:00Z", true},
		{shop.Event{Time: at}, "", false},
	} {
		if got, ok := Key(&c.event); got != c.want || ok != c.ok {
			t.Errorf("Key(%+v) = %q, %v, want %q, %v", c.event, got, ok, c.want, c.ok)
		}
	}
}

// shown returns the items that follow current, and the place of the item because of which the first does.
func shown(x *Index, q Question) (items []catalogue.Slot, because uint8) {
	var t tally.Tally
	t.Reset(100)
	var sc Scratch
	x.Predict(&t, &sc, q)
	items = slices.Sorted(slices.Values(t.Touched))
	if len(items) > 0 {
		because = t.Because(items[0])
	}
	return items, because
}

func TestPredict(t *testing.T) {
	x := New(100)
	x.Touch("a", 7)
	x.Touch("a", 3)
	x.Touch("b", 9)
	if x.Len() != 2 {
		t.Errorf("Len() = %d, want 2", x.Len())
	}
	only := catalogue.Bits(nil).Grow(100)
	only.Set(3)
	none := catalogue.Bits(nil).Grow(100)
	for name, c := range map[string]struct {
		question Question
		want     []catalogue.Slot
		because  uint8
	}{
		"because of the second": {Question{Current: []catalogue.Slot{50, 7}, Limit: 10, Allowed: only}, []catalogue.Slot{3}, 2},
		"its own session":       {Question{Current: []catalogue.Slot{7}, Own: "a", Limit: 10, Allowed: only}, nil, 0},
		"nothing allowed":       {Question{Current: []catalogue.Slot{7}, Limit: 10, Allowed: none}, nil, 0},
		"nothing known":         {Question{Current: []catalogue.Slot{50}, Limit: 10, Allowed: only}, nil, 0},
	} {
		if got, because := shown(x, c.question); !slices.Equal(got, c.want) || because != c.because {
			t.Errorf("%s: %v because of %d, want %v because of %d", name, got, because, c.want, c.because)
		}
	}
}

func TestUse(t *testing.T) {
	x := New(10)
	if err := x.Use(&session.Model{Params: session.Defaults()}); err != nil {
		t.Errorf("the fixed mix is refused: %v", err)
	}
	if err := x.Use(&session.Model{}); err == nil {
		t.Error("constants of 0 are used")
	}
}
