package trial

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
)

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var products = map[string]string{
	"products.jsonl": `{"sku": 7, "title": "Red running shoe", "short_description": "Light"}
{"sku": 8, "title": "Blue shoe", "short_description": "For running"}

{"sku": 9, "title": "Tent", "short_description": "Red", "ean": ["1","2"]}
`,
	"qrels.tsv": "query\tproduct_id\trating\nred shoe\t7\t3\nred shoe\t9\t1\nred shoe\t8\t0\ntent\t9\t2\nsofa\t7\t0\n",
}

// untrained is an encoder for which every text has the same vector.
func untrained(context.Context, []encoder.Text) (*encoder.Model, error) {
	return encoder.New([]float32{1}, []float32{1}, 1)
}

func TestSearchJudgesByHand(t *testing.T) {
	dir := folder(t, products)
	for _, pipeline := range SearchPipelines {
		f, err := Search{Dir: dir, Pipeline: pipeline, Train: untrained}.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// "red shoe" finds 7 first; 8 and 9, whose grades are 0 and 1, follow. "sofa" has no relevant document.
		ideal := 3 + 1/math.Log2(3)
		last := (3 + 0.5/1.0) / ideal // 3 + 1/log2(4)
		// Vectors fill up what is short, with what nobody judged.
		if f.Queries != 2 || f.Documents != 3 || f.Judged != 1 && pipeline != "hybrid" || f.NDCG < (last+1)/2-1e-9 || f.NDCG > 1 {
			t.Errorf("%s: %+v", pipeline, f)
		}
		if f.P30 != (2.0/30+1.0/30)/2 {
			t.Errorf("%s: p@30 %v", pipeline, f.P30)
		}
	}
}

func TestSearchReadsTREC(t *testing.T) {
	dir := folder(t, map[string]string{
		"docs.jsonl":  `{"id": "D1", "html": "<html><pre>Sorting &amp; searching</pre>"}` + "\n" + `{"id": "D2", "html": "<b>Compilers</b>"}`,
		"qrels.x.txt": "1 Q0 D1 1\n2 Q0 D2 1\n",
		"topics.x":    "<DOC>\n<DOCNO> 1 </DOCNO>\nsearching\n</DOC>\n<top><num> Number: 2 <title> compiler <desc> nothing of this </top>\n",
	})
	f, err := Search{Dir: dir}.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Pipeline != "reference" || f.MAP != 1 || f.NDCG != 1 {
		t.Errorf("%+v", f)
	}
}

func TestSearchSaysWhatIsWrong(t *testing.T) {
	with := func(name, text string) map[string]string {
		files := map[string]string{name: text}
		for n, other := range products {
			if n != name {
				files[n] = other
			}
		}
		return files
	}
	for want, s := range map[string]Search{
		"no folder given":                          {},
		"open folder":                              {Dir: filepath.Join(t.TempDir(), "none")},
		"has none of products.jsonl.gz":            {Dir: t.TempDir()},
		"products.jsonl:2: ":                       {Dir: folder(t, with("products.jsonl", "{}\n{\n"))},
		"qrels.tsv:2: grade \"many\" is no number": {Dir: folder(t, with("qrels.tsv", "a\t7\t1\nb\t8\tmany\n"))},
		"qrels.tsv:2: 2 columns":                   {Dir: folder(t, with("qrels.tsv", "a\t7\t1\nb\t8\n"))},
		"no judgement names a document":            {Dir: folder(t, products), ID: "title"},
		"no document has the field \"size\"":       {Dir: folder(t, products), Fields: []string{"size"}},
		"needs an encoder to be trained":           {Dir: folder(t, products), Pipeline: "hybrid"},
		"there is no pipeline \"other\"":           {Dir: folder(t, products), Pipeline: "other"},
		"no query has a relevant document":         {Dir: folder(t, with("qrels.tsv", "a\t7\t0\n"))},
	} {
		if _, err := s.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want one that says %q", s, err, want)
		}
	}
}

func TestEditsAreRandomAndSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	same := 0
	for range 1000 {
		got := edit("red shoe", random)
		if d := len(got) - len("red shoe"); d < -1 || d > 1 {
			t.Fatalf("edit gives %q", got)
		}
		if got == "red shoe" {
			same++
		}
	}
	if same > 50 {
		t.Errorf("%d of 1000 edits changed nothing", same)
	}
	if got := edit(" ", random); got != " " {
		t.Errorf("edit of nothing = %q", got)
	}
}

func TestByteLength(t *testing.T) {
	for n, want := range map[int]int{0: 0, 23: 23, 39: 39, 40: 40, 41: 40, 56: 56, 58: 56, 60: 60, 1000: 984} {
		if got := byteLength(n); got != want {
			t.Errorf("byteLength(%d) = %d, want %d", n, got, want)
		}
	}
}
