package trial

import (
	"context"
	"testing"
)

func TestSessions(t *testing.T) {
	f, err := Sessions{Items: 500, Sessions: 3000, Asked: 200, Seed: 1}.Run(context.Background(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Recall < 0.5 || f.Recall > 1 || f.MedianMicros <= 0 || f.P99Micros < f.MedianMicros || f.Events < 3000 {
		t.Errorf("figures %+v are out of bounds", f)
	}
	if f.BytesPerEvent <= 4 || f.BytesPerSession < f.BytesPerEvent {
		t.Errorf("%v bytes an event and %v a session", f.BytesPerEvent, f.BytesPerSession)
	}
	if _, err := (Sessions{Items: 5}).Run(context.Background(), func(string) {}); err == nil {
		t.Error("a shop of 5 items is measured")
	}
}
