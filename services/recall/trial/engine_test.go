package trial

import (
	"testing"
	"time"
)

func TestEngineFigures(t *testing.T) {
	o := DefaultEngineOptions()
	o.Items, o.Events, o.Queries, o.Turn = 500, 1000, 100, 50*time.Millisecond
	f, err := Engine(t.Context(), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.MedianMicros <= 0 || f.FacetP99 < f.FacetMedian || f.SnapshotMiB <= 0 || f.PartBytes["catalogue"] <= 0 || f.UpdatesPerS <= 0 {
		t.Errorf("figures %+v", f)
	}
	o.Items = 1
	if _, err := Engine(t.Context(), o, func(string) {}); err == nil {
		t.Error("a shop of one item is measured")
	}
}
