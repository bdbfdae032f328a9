package dataset

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
)

func TestVectors(t *testing.T) {
	items, _ := mustItems(t, "items.jsonl", `{"id":"a","title":"A","vector":[0.5,-1,2]}`+"\n"+`{"id":"b","title":"B"}`+"\n", Options{})
	if diff := cmp.Diff([]float32{0.5, -1, 2}, items[0].Vector); diff != "" || items[1].Vector != nil {
		t.Errorf("JSON lines: %s, without one %v", diff, items[1].Vector)
	}
	items, report := mustItems(t, "items.csv", "id,title,embedding\na,A,\"[1, 2.5]\"\nb,B,\nc,C,\"[1, x]\"\nd,D,\"[0, 0]\"\n", Options{})
	if diff := cmp.Diff([]float32{1, 2.5}, items[0].Vector); diff != "" || len(items) != 2 || report.Rejected != 2 {
		t.Errorf("CSV: %s, %d items, %+v", diff, len(items), report)
	}
	type list struct {
		ID        string    `parquet:"id"`
		Title     string    `parquet:"title"`
		Embedding []float32 `parquet:"embedding,list"`
	}
	type repeated struct {
		ID        string    `parquet:"id"`
		Title     string    `parquet:"title"`
		Embedding []float32 `parquet:"item_vector"`
	}
	for name, file := range map[string]string{
		"list": parquetOf(t, list{"a", "A", []float32{3, 4.5}}), "repeated": parquetOf(t, repeated{"a", "A", []float32{3, 4.5}}),
	} {
		items, _ = mustItems(t, "items.parquet", file, Options{})
		if diff := cmp.Diff([]float32{3, 4.5}, items[0].Vector); diff != "" {
			t.Errorf("Parquet %s: %s", name, diff)
		}
	}
	for _, bad := range []any{"[1", "red", map[string]any{"a": 1.0}, []any{1.0, "red"}, 3.5} {
		if v, err := table.Vector(bad); err == nil || !strings.Contains(err.Error(), "number") {
			t.Errorf("Vector(%v) = %v, %v", bad, v, err)
		}
	}
}

func parquetOf[T any](t *testing.T, row T) string {
	t.Helper()
	var file bytes.Buffer
	w := parquet.NewGenericWriter[T](&file)
	if _, err := w.Write([]T{row}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.String()
}
