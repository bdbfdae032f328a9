package haggle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// base is the path that every module of the house begins with.
const base = "github.com/haggle-commerce/haggle/"

// room is what the plan says of one kind of package.
type room struct {
	// floor orders packages: an import of ours must lie on a lower floor, or be named in beside.
	floor int
	// beside are the packages of ours on the same floor that may be imported too.
	beside []string
	// guests are the modules of others that may be imported. "*" allows all but those in keptApart.
	guests []string
}

// plan is the statement of policy: who may import whom. A line is changed in a commit of its own, with a decision record.
// Keys are package paths below base; a key that ends in "/" covers what lies below it.
var plan = map[string]room{
	"libs/shop":    {floor: 0},
	"libs/cost":    {floor: 0},
	"libs/quality": {floor: 0},
	"libs/sketch":  {floor: 0},
	// The kernels ask the processor what it can do.
	"libs/kernel": {floor: 0, guests: []string{"golang.org/x/sys/cpu"}},

	// The format opens what it holds, so it knows the forms that score rows.
	"libs/model":  {floor: 1, beside: []string{"libs/model/linear", "libs/model/trees"}},
	"libs/model/": {floor: 1, beside: []string{"libs/model"}},
	// Features include the scores of a neighbour model, so they know its type.
	"libs/feature": {floor: 1, beside: []string{"libs/model", "libs/model/neighbour"}},
	// Rows are read apart from what they mean. Parquet is a format nobody should write twice.
	"libs/dataset/table": {floor: 1, guests: []string{"github.com/parquet-go/parquet-go"}},
	"libs/dataset":       {floor: 1, beside: []string{"libs/dataset/table"}},
	"libs/dataset/":      {floor: 1, beside: []string{"libs/dataset"}},

	// The one contract that is not plain Go is protobuf.
	"libs/wire": {floor: 2, guests: []string{"google.golang.org/protobuf"}},

	// Stems of twenty languages are Snowball's generated code, which needs nothing itself.
	"services/recall/internal/analysis": {floor: 3, guests: []string{"github.com/blevesearch/snowballstem"}},

	// Dictionaries of words are finite state transducers, and misspellings automata over them: an FST in the form of Lucene's is
	// nothing to write twice. Pure Go, maintained beside bleve, and it brings bitset and mmap-go alone.
	"services/recall/internal/segment": {floor: 3, guests: []string{"github.com/blevesearch/vellum"}},
	"services/recall/internal/lexical": {floor: 3, guests: []string{"github.com/blevesearch/vellum/levenshtein"}},

	"libs/observe":     {floor: 3, guests: []string{"*"}},
	"libs/bus":         {floor: 4, guests: []string{"*"}},
	"libs/online":      {floor: 4, guests: []string{"*"}},
	"libs/registry":    {floor: 5, guests: []string{"*"}},
	"libs/service":     {floor: 6, guests: []string{"*"}},
	"libs/servicetest": {floor: 7, guests: []string{"*"}},

	// Back ends that can stand in for recall's own index, in a module of its own: their clients touch the world and bring gRPC.
	remote:                 {floor: 10, guests: []string{"*"}},
	remote + "/opensearch": {floor: 5, guests: []string{"github.com/opensearch-project/opensearch-go"}},
	remote + "/qdrant":     {floor: 5, guests: []string{"github.com/qdrant/go-client", "google.golang.org/grpc"}},
	remote + "/cmd/":       {floor: 10, guests: []string{"*"}},

	// What others built for the same work stands beside the house, to be measured, in a module of its own.
	rivals:       {floor: 10, guests: []string{"*"}},
	rivals + "/": {floor: 10, guests: []string{"*"}},
}

// Modules within a service's folder that no other may import: what others built, and the back ends of others.
const (
	rivals = "services/bench/rivals"
	remote = "services/recall/remote"
)

// keptApart names modules that only some packages may import, wherever the plan says "*".
var keptApart = map[string][]string{
	"k8s.io/":                        {"services/autoscaler"},
	"github.com/nats-io/nats-server": {"services/haggle", "libs/servicetest"},
	"github.com/alicebob/miniredis":  {"services/haggle", "libs/servicetest"},
	"github.com/danielgtaylor/huma":  {"services/gateway"},
	"github.com/go-chi/":             {"services/gateway"},
	"github.com/redis/go-redis":      {"libs/online", "libs/service", "libs/servicetest", "services/feature-store", "services/haggle"},
	"github.com/nats-io/nats.go":     {"libs/bus", "libs/registry", "libs/service", "libs/servicetest", "services/haggle"},
	"github.com/HdrHistogram/":       {"services/bench"},
	"github.com/blevesearch/bleve":   {rivals},
	"github.com/opensearch-project/": {remote},
	"github.com/qdrant/":             {remote},
	"google.golang.org/grpc":         {remote},
	"github.com/stretchr/testify":    {},
	"github.com/prometheus/client_golang": {
		"libs/observe", "libs/bus", "libs/online", "libs/registry", "libs/service", "libs/servicetest",
		"services/gateway", "services/recall", "services/ranking", "services/feature-store", "services/autoscaler", "services/trainer", "services/haggle",
	},
}

// onlyTests names packages that no code but tests may import.
var onlyTests = []string{"libs/servicetest", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/chromedp/"}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath   string
	Name         string
	Doc          string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Standard     bool
}

// roomOf finds the plan's line for a package of ours, given its path below base.
func roomOf(path string) (room, bool) {
	if r, ok := plan[path]; ok {
		return r, true
	}
	for key, r := range plan {
		if strings.HasSuffix(key, "/") && strings.HasPrefix(path, key) {
			return r, true
		}
	}
	parts := strings.Split(path, "/")
	if parts[0] != "services" || len(parts) < 2 {
		return room{}, false
	}
	switch {
	case len(parts) >= 3 && parts[2] == "internal" && parts[1] == "bench":
		return room{floor: 9, guests: []string{"*"}}, len(parts) == 4
	case len(parts) >= 3 && parts[2] == "internal":
		// Cores of one service may use one another; the tools, floors 3 and up, are out of their reach.
		return room{floor: 3}, len(parts) == 4
	case len(parts) == 3 && parts[2] == "trial":
		// A trial puts the cores of its service to the test, for the bench: it touches files and clocks, but no service.
		return room{floor: 4}, true
	case len(parts) == 2, len(parts) == 4 && parts[2] == "cmd":
		return room{floor: 10, guests: []string{"*"}}, true
	}
	return room{}, false
}

// violations returns one line for each import that the plan does not allow.
func violations(packages []listed) []string {
	var found []string
	for _, p := range packages {
		path := strings.TrimPrefix(p.ImportPath, base)
		r, ok := roomOf(path)
		if !ok {
			found = append(found, path+" has no place in the plan")
			continue
		}
		for _, imported := range p.Imports {
			if reason := refuse(path, r, imported); reason != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", path, strings.TrimPrefix(imported, base), reason))
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			other := strings.TrimPrefix(imported, base)
			if other != imported && strings.HasPrefix(other, "services/") && crosses(path, other) {
				found = append(found, fmt.Sprintf("%s imports %s in a test: a service does not know another service", path, other))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// refuse says why package path, which lives in r, may not import imported; "" when it may.
func refuse(path string, r room, imported string) string {
	for _, only := range onlyTests {
		if strings.HasPrefix(strings.TrimPrefix(imported, base), only) && !strings.HasPrefix(path, "libs/servicetest") {
			return "it is for tests alone"
		}
	}
	if other := strings.TrimPrefix(imported, base); other != imported {
		return refuseOurs(path, r, other)
	}
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return "" // the standard library
	}
	for prefix, allowed := range keptApart {
		if strings.HasPrefix(imported, prefix) && !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") }) {
			return fmt.Sprintf("%s is kept to %v", prefix, allowed)
		}
	}
	for _, guest := range r.guests {
		if guest == "*" || imported == guest || strings.HasPrefix(imported, guest+"/") {
			return ""
		}
	}
	return "no guest of this floor"
}

func refuseOurs(path string, r room, other string) string {
	if strings.HasPrefix(other, "services/") {
		if crosses(path, other) {
			return "a service does not know another service"
		}
		if strings.HasPrefix(other, rivals) && !strings.HasPrefix(path, rivals) {
			return "nothing knows the rivals"
		}
		if strings.HasPrefix(other, remote) && !strings.HasPrefix(path, remote) {
			return "recall is given its remote back ends and knows none"
		}
		return ""
	}
	o, ok := roomOf(other)
	switch {
	case !ok:
		return "it has no place in the plan"
	case o.floor < r.floor, slices.Contains(r.beside, other):
		return ""
	case o.floor == r.floor && strings.HasPrefix(path, "libs/model/") && strings.HasPrefix(other, "libs/model/"):
		return ""
	}
	return fmt.Sprintf("floor %d may not reach floor %d", r.floor, o.floor)
}

// crosses reports whether an import of package other of a service by package path leaves path's own service. The roof may enter:
// services/haggle every service by its door, services/bench the trial of each.
func crosses(path, other string) bool {
	service := func(p string) string { return strings.Join(strings.SplitN(p, "/", 3)[:2], "/") }
	if service(path) == service(other) {
		return false
	}
	switch service(path) {
	case "services/haggle":
		return strings.Count(other, "/") != 1
	case "services/bench":
		return other != service(other)+"/trial"
	}
	return true
}

// root returns the root of the repository: where go.work lies.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.work above the test")
		}
		dir = parent
	}
}

// list returns every package of the house as the go command sees it.
func list(t testing.TB, args ...string) []listed {
	t.Helper()
	command := exec.Command("go", slices.Concat([]string{"list", "-json=ImportPath,Name,Doc,Dir,GoFiles,Imports,TestImports,XTestImports"}, args, []string{"work"})...)
	command.Dir = root(t)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestFloors(t *testing.T) {
	for _, v := range violations(list(t)) {
		t.Error(v)
	}
}

// TestFloorsCatchesPlantedViolation plants a forbidden import in the real tree, by an overlay, and expects to hear of it.
func TestFloorsCatchesPlantedViolation(t *testing.T) {
	plants := map[string]struct{ file, source, want string }{
		"a ground package reaches a tool":   {"libs/shop/planted.go", `import _ "` + base + `libs/bus"`, "libs/shop imports libs/bus: floor 0 may not reach floor 4"},
		"a core reaches a tool":             {"services/recall/internal/lexical/planted.go", `import _ "` + base + `libs/bus"`, "services/recall/internal/lexical imports libs/bus: floor 3 may not reach floor 4"},
		"a core reaches a foreign module":   {"services/recall/internal/lexical/planted.go", `import _ "github.com/nats-io/nats.go"`, "services/recall/internal/lexical imports github.com/nats-io/nats.go"},
		"a service knows another":           {"services/recall/planted.go", `import _ "` + base + `services/ranking"`, "services/recall imports services/ranking: a service does not know another service"},
		"the bench knows a core":            {"services/bench/planted.go", `import _ "` + base + `services/recall/internal/top"`, "services/bench imports services/recall/internal/top: a service does not know another service"},
		"the bench knows a rival":           {"services/bench/planted.go", `import _ "` + base + `services/bench/rivals"`, "services/bench imports services/bench/rivals: nothing knows the rivals"},
		"recall knows a remote back end":    {"services/recall/internal/own/planted.go", `import _ "` + base + `services/recall/remote/qdrant"`, "services/recall/internal/own imports services/recall/remote/qdrant: recall is given its remote back ends and knows none"},
		"gRPC outside its room":             {"services/recall/planted.go", `import _ "google.golang.org/grpc"`, "services/recall imports google.golang.org/grpc: google.golang.org/grpc is kept to [services/recall/remote]"},
		"a rival outside its room":          {"services/bench/planted.go", `import _ "github.com/blevesearch/bleve/v2"`, "services/bench imports github.com/blevesearch/bleve/v2: github.com/blevesearch/bleve is kept to [services/bench/rivals]"},
		"test support in production code":   {"services/recall/planted.go", `import _ "` + base + `libs/servicetest"`, "services/recall imports libs/servicetest: it is for tests alone"},
		"a foreign module outside its room": {"services/trainer/planted.go", `import _ "github.com/go-chi/chi/v5"`, "services/trainer imports github.com/go-chi/chi/v5: github.com/go-chi/ is kept to [services/gateway]"},
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			house := root(t)
			target := filepath.Join(house, plant.file)
			planted := filepath.Join(t.TempDir(), "planted.go")
			if err := os.WriteFile(planted, []byte("package "+packageName(target)+"\n\n"+plant.source+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay := filepath.Join(t.TempDir(), "overlay.json")
			text, err := json.Marshal(map[string]map[string]string{"Replace": {target: planted}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(overlay, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got := violations(list(t, "-e", "-overlay", overlay))
			if !slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, plant.want) }) {
				t.Errorf("violations = %q, want one that begins %q", got, plant.want)
			}
		})
	}
}

// packageName is the name of the package that a file of the given path belongs to.
func packageName(path string) string {
	return strings.ReplaceAll(filepath.Base(filepath.Dir(path)), "-", "")
}
