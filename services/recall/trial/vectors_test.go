package trial

import (
	"context"
	"testing"
)

func TestVectors(t *testing.T) {
	o := VectorOptions{Items: 3000, Dims: 32, Queries: 20, K: 50, Seed: 2}
	f, err := Vectors(context.Background(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Recall < 0.99 || f.FlatRecall < 0.99 || f.TenthRecall < 0.99 || f.HundredthRecall < 0.99 || f.MedianMicros <= 0 || f.P99Micros < f.MedianMicros || f.BuildSeconds <= 0 || f.BytesPerItem < 96 || f.Fraction <= 0 {
		t.Errorf("%+v", f)
	}
	for _, bad := range []VectorOptions{{}, {Items: 5000, Dims: 2000, Queries: 10, K: 1}, {Items: 5000, Dims: 8, Queries: 1, K: 1}, {Items: 5000, Dims: 8, Queries: 10, K: 6000}} {
		if _, err := Vectors(context.Background(), bad, func(string) {}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Vectors(ended, o, func(string) {}); err == nil {
		t.Error("an ended context was not heard")
	}
}
