package gateway

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/intake"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestOpenAPIIsCurrent holds docs/openapi.yaml to what the handlers are registered with.
func TestOpenAPIIsCurrent(t *testing.T) {
	h := newHouse(t, options{alone: true, empty: true})
	path := repository(t, "docs/openapi.yaml")
	if *update {
		if err := os.WriteFile(path, h.g.openapi.yaml, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(h.g.openapi.yaml)); diff != "" {
		t.Errorf("docs/openapi.yaml is not current; run go test ./services/gateway -run OpenAPI -update (-file +handlers):\n%s", diff)
	}
	if got := h.do("GET", "/openapi.yaml", "").Body.String(); got != string(h.g.openapi.yaml) {
		t.Error("/openapi.yaml serves something else")
	}
}

// TestEveryOperationIsServed calls each path of the description and expects anything but "no such path".
func TestEveryOperationIsServed(t *testing.T) {
	h := newHouse(t, options{alone: true, empty: true})
	var api struct {
		Paths map[string]map[string]struct {
			OperationID string                     `json:"operationId"`
			Responses   map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(h.g.openapi.json, &api); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, methods := range api.Paths {
		for method, op := range methods {
			n++
			url := strings.NewReplacer("{id}", "x", "{placement}", "x").Replace(path)
			w := h.do(strings.ToUpper(method), url, "")
			if op.OperationID == "" || w.Code == http.StatusMethodNotAllowed || strings.Contains(w.Body.String(), "no such path") || w.Code >= 500 {
				t.Errorf("%s %s (%s) = %d %s", method, path, op.OperationID, w.Code, w.Body)
			}
			if op.Responses["default"] == nil {
				t.Errorf("%s %s does not describe its problems", method, path)
			}
		}
	}
	if n < 16 {
		t.Errorf("%d operations, want at least 16", n)
	}
}

// TestReadersKnowWhatIsDescribed sends every described field with a value of a wrong type: a reader that does not know the
// field would say so.
func TestReadersKnowWhatIsDescribed(t *testing.T) {
	h := newHouse(t, options{})
	tests := []struct {
		method, path, wrap, prefix string
		of                         reflect.Type
	}{
		{"POST", "/v1/search", "%s", "", reflect.TypeFor[request.Search]()},
		{"POST", "/v1/recommend/home", "%s", "", reflect.TypeFor[request.Recommend]()},
		{"POST", "/v1/recommend/home", `{"context":%s}`, "context.", reflect.TypeFor[request.Context]()},
		{"POST", "/v1/events", "%s", "", reflect.TypeFor[intake.Document]()},
		{"POST", "/v1/events", `{"events":[%s]}`, "events[0].", reflect.TypeFor[intake.DocumentEvent]()},
		{"POST", "/v1/events", `{"events":[{"event":"view_item","items":[%s]}]}`, "events[0].items[0].", reflect.TypeFor[intake.DocumentItem]()},
		{"PUT", "/v1/items/x", "%s", "", reflect.TypeFor[shop.Item]()},
	}
	for _, test := range tests {
		for _, field := range reflect.VisibleFields(test.of) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			wrong := `{"not":"this"}`
			if field.Type.Kind() == reflect.Map || field.Type.Kind() == reflect.Struct || field.Type.Kind() == reflect.Pointer {
				wrong = `[5]`
			}
			w := h.do(test.method, test.path, fmt.Sprintf(test.wrap, fmt.Sprintf(`{%q:%s}`, name, wrong)))
			found := false
			for _, e := range problemOf(t, w).Errors {
				if e.Field == test.prefix+name {
					found = true
					if strings.Contains(e.Reason, "not a known field") {
						t.Errorf("%s: the reader does not know %s", test.of, name)
					}
				}
			}
			if !found {
				t.Errorf("%s: a wrong %s is answered with %s", test.of, name, w.Body)
			}
		}
	}
}
