package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write the generated parts of docs/data.md anew")

// guide is the document whose tables and examples are kept current here.
var guide = filepath.Join("..", "..", "docs", "data.md")

// TestGuide keeps the parts of docs/data.md that lie between "<!-- begin NAME -->" and "<!-- end NAME -->" as the code has them.
func TestGuide(t *testing.T) {
	kept, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	text := string(kept)
	for name, part := range parts(t) {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
		before, rest, begins := strings.Cut(text, begin)
		_, after, ends := strings.Cut(rest, end)
		if !begins || !ends {
			t.Errorf("docs/data.md has no part %q", name)
			continue
		}
		text = before + begin + part + end + after
	}
	if want := strings.Count(text, "<!-- begin "); want != len(parts(t)) {
		t.Errorf("docs/data.md has %d generated parts, the test knows %d", want, len(parts(t)))
	}
	if *update {
		if err := os.WriteFile(guide, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(kept), text); diff != "" {
		t.Errorf("docs/data.md is not current, run go test ./libs/dataset -run Guide -update (-kept +current):\n%s", diff)
	}
}

// parts are the generated parts of the guide by name.
func parts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"items": columnTable("item"), "events": columnTable("event"), "kinds": kindTable(), "limits": limitTable()}
	for _, name := range []string{"products.csv", "events.ndjson", "transactions.csv", "broken.csv"} {
		content, err := os.ReadFile(example(name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = fenced(strings.TrimPrefix(filepath.Ext(name), "."), string(content))
		var become string
		if name == "products.csv" || name == "broken.csv" {
			become = itemsOf(t, name)
		} else {
			become = eventsOf(t, name)
		}
		all["what "+name+" becomes"] = become
	}
	return all
}

func example(name string) string { return filepath.Join("testdata", "examples", name) }

func fenced(language, content string) string { return "```" + language + "\n" + content + "```\n" }

// itemsOf loads an example; what stands in the guide are its items and what is told of its lines.
func itemsOf(t *testing.T, name string) string {
	t.Helper()
	items, report, err := LoadItems(context.Background(), example(name), Options{})
	if err != nil {
		t.Fatal(err)
	}
	told := fenced("", "catalogue: "+report.String()+"\n")
	if report.Rejected > 0 {
		return told
	}
	return fenced("json", documents(t, items)) + "\n" + told
}

func eventsOf(t *testing.T, name string) string {
	t.Helper()
	var events []shop.Event
	report, err := ReadEvents(context.Background(), example(name), Options{}, func(e shop.Event) error {
		// The ids of events that had none are of no interest to a reader.
		e.ID = e.ID[:4] + "..."
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fenced("json", documents(t, events)) + "\n" + fenced("", "events: "+report.String()+"\n")
}

// documents writes one JSON object a line, without the escapes that only HTML needs.
func documents[T any](t *testing.T, list []T) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, document := range list {
		if err := encoder.Encode(document); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func columnTable(of string) string {
	var b strings.Builder
	b.WriteString("| field | names of columns, the first wins | |\n|---|---|---|\n")
	for _, a := range Aliases() {
		if a.Of == of {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", a.Field, code(a.Names), strings.ReplaceAll(a.About, "|", "\\|"))
		}
	}
	return b.String()
}

func kindTable() string {
	var b strings.Builder
	b.WriteString("| kind | names of events |\n|---|---|\n")
	for _, a := range Aliases() {
		if a.Of == "kind" {
			fmt.Fprintf(&b, "| %s | %s |\n", a.Field, code(a.Names))
		}
	}
	return b.String()
}

func code(names []string) string { return "`" + strings.Join(names, "` `") + "`" }

func limitTable() string {
	var b strings.Builder
	b.WriteString("| what | at most | beyond it |\n|---|---|---|\n")
	for _, row := range [][3]any{
		{"key of an item, event, shopper or session", fmt.Sprint(shop.MaxIDBytes, " bytes, no spaces"), "line rejected"},
		{"title", fmt.Sprint(shop.MaxTitleBytes, " bytes"), "line rejected"},
		{"titles in further languages", shop.MaxTitles, "line rejected"},
		{"description", fmt.Sprint(shop.MaxDescriptionBytes, " bytes"), "cut"},
		{"levels of the category", shop.MaxCategories, "left out"},
		{"attributes of an item", shop.MaxAttributes, "left out, the last by name"},
		{"values of an attribute", shop.MaxValues, "left out"},
		{"name or value of an attribute", fmt.Sprint(shop.MaxValueBytes, " bytes"), "left out"},
		{"brand, a level of the category, a search term", fmt.Sprint(shop.MaxValueBytes, " bytes"), "line rejected"},
		{"price", fmt.Sprintf("0 to %.0f", float64(shop.MaxPrice)), "line rejected"},
		{"items of an event", shop.MaxEventItems, "line rejected; a larger transaction becomes several events"},
		{"line errors that are told one by one", maxErrors, "counted"},
	} {
		fmt.Fprintf(&b, "| %v | %v | %v |\n", row[0], row[1], row[2])
	}
	return b.String()
}

// TestAliasesNameEveryRole checks that no role and no kind is missing from what people are told.
func TestAliasesNameEveryRole(t *testing.T) {
	said := map[string]map[string]bool{}
	for _, a := range Aliases() {
		if said[a.Of] == nil {
			said[a.Of] = map[string]bool{}
		}
		if said[a.Of][a.Field] || len(a.Names) == 0 {
			t.Errorf("%s %s: is there twice or has no names", a.Of, a.Field)
		}
		said[a.Of][a.Field] = true
	}
	for of, names := range map[string]map[role]string{"item": itemNames, "event": eventNames} {
		for r := range names {
			if !said[of][string(r)] {
				t.Errorf("%s %s: has names and stands nowhere", of, r)
			}
		}
		if len(said[of]) != len(names) {
			t.Errorf("%d fields of %ss, want %d", len(said[of]), of, len(names))
		}
	}
	if len(said["kind"]) != len(shop.EventKinds) || len(kindNames) != len(shop.EventKinds) {
		t.Errorf("%d kinds with names, %d in the table, want %d", len(kindNames), len(said["kind"]), len(shop.EventKinds))
	}
}

// TestAliasesAreUnderstood checks that the readers take each name for what the table says, however it is written.
func TestAliasesAreUnderstood(t *testing.T) {
	items, events, p := newColumns(itemNames, true), newColumns(eventNames, false), newEventPlan(Options{}, 0, nil)
	taken := map[string]string{}
	for _, a := range Aliases() {
		for _, name := range a.Names {
			if key := a.Of + " " + name; taken[key] != "" {
				t.Errorf("%s is both %s and %s", key, taken[key], a.Field)
			} else {
				taken[key] = a.Field
			}
			for _, written := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, "_", " "), strings.ReplaceAll(name, "_", "-") + "?"} {
				var got string
				switch a.Of {
				case "item":
					got = string(items.of(written).role)
				case "event":
					got = string(events.of(written).role)
				default:
					got = string(p.kindOf(written))
				}
				if got != a.Field {
					t.Errorf("%s %q is taken for %q, want %q", a.Of, written, got, a.Field)
				}
			}
		}
	}
	if got := p.kindOf("session_start"); got.Known() {
		t.Errorf("session_start is taken for %q", got)
	}
}

// TestExamples checks of the examples what the guide says beside them.
func TestExamples(t *testing.T) {
	items, _, err := LoadItems(context.Background(), example("products.csv"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range items {
		got = append(got, fmt.Sprintf("%s %s %v %v %s", it.ID, it.Title, it.Price, it.Buyable(), it.Category()))
	}
	want := []string{"J-100 Rain Jacket 1099.5 true Jackets", `J-200 Wind Jacket, "Light" 59.9 false Jackets`, "M-7 Enamel Mug 12.5 true Mugs"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("products.csv (-want +got):\n%s", diff)
	}
	for name, want := range map[string][]string{
		"events.ndjson": {
			"search of 0 worth 0 by 1001.55", "view_item_list of 2 worth 0 by 1001.55", "select_item of 1 worth 0 by 1001.55",
			"view_item of 1 worth 0 by 1001.55", "add_to_cart of 1 worth 0 by 1001.55", "purchase of 2 worth 1124.5 by 1001.55",
		},
		"transactions.csv": {"purchase of 2 worth 1137 by c-17", "purchase of 1 worth 50 by c-23", "refund of 1 worth 12.5 by c-23"},
	} {
		var got []string
		ids := map[string]bool{}
		for range 2 {
			got = got[:0]
			if _, err := ReadEvents(context.Background(), example(name), Options{}, func(e shop.Event) error {
				ids[e.ID] = true
				got = append(got, fmt.Sprintf("%s of %d worth %v by %s", e.Kind, len(e.Items), e.Value, e.Shopper))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(ids) != len(want) {
			t.Errorf("%s: %d ids in two readings, want %d; events (-want +got):\n%s", name, len(ids), len(want), diff)
		}
	}
	_, report, err := LoadItems(context.Background(), example("broken.csv"), Options{})
	if err != nil || report.Kept != 6 {
		t.Errorf("broken.csv: %v, %v, want 6 kept", report, err)
	}
	lines := make([]int, 0, len(report.Errors))
	for _, e := range report.Errors {
		lines = append(lines, e.Line)
	}
	if want := []int{3, 4, 5, 6, 7}; !slices.Equal(lines, want) {
		t.Errorf("broken.csv: lines %v are at fault, want %v", lines, want)
	}
}
