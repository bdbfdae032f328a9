package opensearch

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/haggle-commerce/haggle/services/recall/internal/analysis"
	"github.com/haggle-commerce/haggle/services/recall/internal/conform"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// fake is a server that speaks the part of OpenSearch's protocol that is used here, and evaluates searches document by document. It
// takes texts apart by our own analyser and scores by the number of words. It shows that the parts of the adapter fit together, and not
// that OpenSearch does the same.
type fake struct {
	mu        sync.Mutex
	documents map[string]object
	versions  map[string]float64
}

// TestConformsOverFake runs the suite against a server of this package: see fake for what that shows and what not.
func TestConformsOverFake(t *testing.T) {
	for name, dims := range map[string]int{"words": 0, "vectors": conform.Dims} {
		t.Run(name, func(t *testing.T) {
			conform.Run(t, func(t *testing.T) retrieve.Retriever {
				f := &fake{documents: map[string]object{}, versions: map[string]float64{}}
				h := httptest.NewServer(f)
				t.Cleanup(h.Close)
				a := retrieve.Address{Host: strings.TrimPrefix(h.URL, "http://"), Collection: "items", Dims: dims}
				r, err := Open(a, retrieve.Login{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close() })
				return r
			})
		})
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	lines := json.NewDecoder(r.Body)
	lines.UseNumber()
	var reply any = object{"acknowledged": true, "status": "green"}
	switch {
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		reply = f.bulk(lines)
	case strings.HasSuffix(r.URL.Path, "/_search"):
		var body object
		_ = lines.Decode(&body)
		reply = f.search(body)
	}
	_ = json.NewEncoder(w).Encode(reply)
}

func (f *fake) bulk(lines *json.Decoder) object {
	var items []any
	for {
		var action map[string]target
		if lines.Decode(&action) != nil {
			return object{"took": 1, "items": items}
		}
		for name, to := range action {
			status, id := 200, string(to.ID)
			var document object
			if name == "index" {
				_ = lines.Decode(&document)
			}
			if version := float64(to.Version); version < f.versions[id] {
				status = http.StatusConflict
			} else if f.versions[id] = version; name == "index" {
				f.documents[id] = document
			} else if delete(f.documents, id); document == nil {
				status = http.StatusNotFound
			}
			items = append(items, object{name: object{"_id": id, "status": status}})
		}
	}
}

func (f *fake) search(body object) object {
	type hit struct {
		ID    string  `json:"_id"`
		Score float64 `json:"_score"`
	}
	hits := []hit{}
	for id, document := range f.documents {
		if score, ok := evaluate(body["query"], document); ok {
			hits = append(hits, hit{id, score})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	total := len(hits)
	return object{"_shards": object{"total": 1}, "hits": object{
		"total": object{"value": total, "relation": "eq"}, "hits": hits[:min(total, int(number(body["size"])))],
	}}
}

func number(x any) float64 {
	n, _ := x.(json.Number).Float64()
	return n
}

// evaluate returns the score of a document for a query, and whether it matches.
func evaluate(query any, document object) (score float64, ok bool) {
	for kind, clause := range query.(object) {
		c := clause.(object)
		switch kind {
		case "match_all":
			return 1, true
		case "multi_match":
			return words(c, document)
		case "bool":
			return boolean(c, document)
		case "knn":
			return near(c["vector"].(object), document)
		case "nested":
			return 0, slices.ContainsFunc(values(document, c["path"].(string)), func(v any) bool {
				inner := object{}
				for key, x := range v.(object) {
					inner[c["path"].(string)+"."+key] = x
				}
				_, ok := evaluate(c["query"], inner)
				return ok
			})
		case "exists":
			return 0, len(values(document, c["field"].(string))) > 0
		}
		for field, test := range c {
			return 0, slices.ContainsFunc(values(document, field), func(v any) bool { return passes(kind, test, v) })
		}
	}
	return 0, false
}

// near is (1 + cosine) / 2, the score of the space cosinesimil, of what passes the filter of the clause. All neighbours are evaluated,
// and not k of each shard.
func near(c, document object) (score float64, ok bool) {
	v := values(document, "vector")
	if where := c["filter"]; len(v) == 0 {
		return 0, false
	} else if where != nil {
		if _, ok := evaluate(where, document); !ok {
			return 0, false
		}
	}
	a, b, product := 0.0, 0.0, 0.0
	for i, x := range c["vector"].([]any) {
		x, y := number(x), number(v[i])
		a, b, product = a+x*x, b+y*y, product+x*y
	}
	return (1 + product/math.Sqrt(a*b)) / 2, true
}

// values are those of a field.
func values(document object, field string) []any {
	switch v := document[field].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func passes(kind string, test, v any) bool {
	switch kind {
	case "term":
		return v == test
	case "terms":
		return slices.Contains(test.([]any), v)
	}
	x := number(v)
	for name, bound := range test.(object) {
		b := number(bound)
		if !map[string]bool{"lt": x < b, "lte": x <= b, "gt": x > b, "gte": x >= b}[name] {
			return false
		}
	}
	return true
}

func boolean(c, document object) (score float64, ok bool) {
	all := func(name string) []any { clauses, _ := c[name].([]any); return clauses }
	for _, clause := range slices.Concat(all("must"), all("filter")) {
		s, ok := evaluate(clause, document)
		if !ok {
			return 0, false
		}
		score += s
	}
	holds := func(clause any) bool { _, ok := evaluate(clause, document); return ok }
	if slices.ContainsFunc(all("must_not"), holds) || (len(all("should")) > 0 && !slices.ContainsFunc(all("should"), holds)) {
		return 0, false
	}
	return score, true
}

// words counts the words of the query that the fields hold; all have to be there.
func words(c, document object) (score float64, ok bool) {
	held := map[string]bool{}
	for _, field := range c["fields"].([]any) {
		name, _, _ := strings.Cut(field.(string), "^")
		name, _, _ = strings.Cut(name, ".")
		for _, text := range values(document, name) {
			for _, token := range analysis.Tokens(nil, "", text.(string)) {
				held[token.Stem] = true
			}
		}
	}
	tokens := analysis.Tokens(nil, "", c["query"].(string))
	for _, token := range tokens {
		if !held[token.Stem] {
			return 0, false
		}
		score++
	}
	return score, len(tokens) > 0
}

// TestDocumentsFitTheSchema holds the fields of documents to the mapping, which is strict.
func TestDocumentsFitTheSchema(t *testing.T) {
	var index struct {
		Mappings struct{ Properties map[string]object }
	}
	if err := json.Unmarshal(schema(2), &index); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(documentOf(&retrieve.Change{ID: "rain", Item: full()}, 2))
	if err != nil {
		t.Fatal(err)
	}
	var document object
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
		t.Fatal(err)
	}
	for field := range document {
		if index.Mappings.Properties[field] == nil {
			t.Errorf("the mapping has no field %s", field)
		}
	}
	for field := range index.Mappings.Properties {
		if document[field] == nil {
			t.Errorf("a full item has no field %s", field)
		}
	}
}
