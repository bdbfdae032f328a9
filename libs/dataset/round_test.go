package dataset

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// generated is a small shop out of the generator.
func generated(t testing.TB, events int) (items []shop.Item, log []shop.Event) {
	t.Helper()
	_, err := synth.Generate(context.Background(), synth.Options{Seed: 2, Items: events / 10, Events: events, Days: 10},
		func(it shop.Item) error { items = append(items, it); return nil }, func(e shop.Event) error { log = append(log, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return items, log
}

func jsonLines[T any](t testing.TB, values []T) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	for _, v := range values {
		if err := encoder.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// itemTable writes items as a table with one column for each attribute.
func itemTable(t testing.TB, items []shop.Item, separator rune) string {
	t.Helper()
	keys := []string{"colour", "size", "material", "style"}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = separator
	rows := [][]string{append([]string{"sku", "product_name", "title_zh", "vendor", "category_path", "price", "currency", "description", "availability", "created_at", "updated_at"}, keys...)}
	for _, it := range items {
		row := []string{
			string(it.ID), it.Title, it.Titles["zh"], it.Brand, strings.Join(it.Categories, " > "), fmt.Sprint(it.Price), it.Currency, it.Description,
			string(it.Availability), it.CreatedAt.Format("2006-01-02 15:04:05"), it.UpdatedAt.Format("2006-01-02T15:04:05Z"),
		}
		for _, key := range keys {
			row = append(row, strings.Join(it.Attributes[key], ""))
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGeneratedShopComesBack(t *testing.T) {
	items, log := generated(t, 3000)
	got, _ := mustItems(t, "items.jsonl", jsonLines(t, items), Options{})
	if diff := cmp.Diff(items, got); diff != "" {
		t.Errorf("items as JSON lines differ (-want +got):\n%s", diff)
	}
	onlyTableKeys := cmpopts.IgnoreMapEntries(func(key string, _ []string) bool {
		return key != "colour" && key != "size" && key != "material" && key != "style"
	})
	for name, separator := range map[string]rune{"items.csv": ',', "items.tsv": '\t', "semi.csv": ';'} {
		got, _ := mustItems(t, name, itemTable(t, items, separator), Options{})
		if diff := cmp.Diff(items, got, onlyTableKeys, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("items as %s differ (-want +got):\n%s", name, diff)
		}
	}
	events, _ := mustEvents(t, "events.jsonl", jsonLines(t, log), Options{})
	if diff := cmp.Diff(log, events); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		items, log := generated(b, n)
		for name, content := range map[string]string{"items.csv": itemTable(b, items, ','), "items.jsonl": jsonLines(b, items), "events.jsonl": jsonLines(b, log)} {
			path := filepath.Join(b.TempDir(), name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, strings.Count(content, "\n")), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(content)))
				for b.Loop() {
					var err error
					if strings.HasPrefix(name, "events") {
						_, err = ReadEvents(context.Background(), path, Options{}, func(shop.Event) error { return nil })
					} else {
						_, err = ReadItems(context.Background(), path, Options{}, func(shop.Item) error { return nil })
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
