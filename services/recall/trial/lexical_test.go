package trial

import (
	"context"
	"testing"
)

func TestLexical(t *testing.T) {
	o := LexicalOptions{Items: 5000, Queries: 100, K: 50, Seed: 2}
	f, err := Lexical(context.Background(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.Recall != 1 || f.MedianMicros <= 0 || f.P99Micros < f.MedianMicros || f.AllMedian <= 0 || f.FacetMedian <= 0 || f.BuildSeconds <= 0 || f.BytesPerItem <= 0 || f.Parts < 1 || f.PostingsRead > f.PostingsAll {
		t.Errorf("%+v", f)
	}
	for _, bad := range []LexicalOptions{{}, {Items: 5000, Queries: 1, K: 1}, {Items: 5000, Queries: 100}, {Items: 5, Queries: 100, K: 1}} {
		if _, err := Lexical(context.Background(), bad, func(string) {}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Lexical(ended, o, func(string) {}); err == nil {
		t.Error("an ended context was not heard")
	}
}
