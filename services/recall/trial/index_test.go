package trial

import (
	"context"
	"testing"
	"time"
)

func TestIndex(t *testing.T) {
	o := EngineOptions{Items: 3000, Queries: 100, Updates: 1000, Turn: 50 * time.Millisecond, Seed: 2}
	f, err := Index(context.Background(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Recall != 1 || f.MedianMicros <= 0 || f.P99Micros < f.MedianMicros || f.UpdatesPerS <= 0 || f.UpdateCPU <= 0 || f.BytesPerItem <= 0 || f.UpdatedWallP99 < f.UpdatedWall {
		t.Errorf("%+v", f)
	}
	if _, err := Index(context.Background(), EngineOptions{}, func(string) {}); err == nil {
		t.Error("no items were taken")
	}
}
