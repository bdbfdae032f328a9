package haggle

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// modules returns the folder of each module of the house, relative to its root.
func modules(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if m := strings.TrimSpace(line); strings.HasPrefix(m, "./") {
			found = append(found, m)
		}
	}
	return found
}

// TestModulesAgree checks that all modules have one go line and one version of each module that they share.
func TestModulesAgree(t *testing.T) {
	required := regexp.MustCompile(`^\s*(?:require\s+)?(\S+\.\S+/\S+|\S+\.\S+)\s+(v\S+)`)
	goLine, versions := "", map[string]string{}
	for _, module := range modules(t) {
		file, err := os.Open(filepath.Join(root(t), module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		for scanner := bufio.NewScanner(file); scanner.Scan(); {
			line := scanner.Text()
			if strings.HasPrefix(line, "go ") {
				if goLine == "" {
					goLine = line
				}
				if line != goLine {
					t.Errorf("%s/go.mod says %q, others say %q", module, line, goLine)
				}
			}
			if m := required.FindStringSubmatch(line); m != nil && !strings.Contains(line, "=>") {
				if have, ok := versions[m[1]]; ok && have != m[2] {
					t.Errorf("%s/go.mod requires %s %s, another module %s", module, m[1], m[2], have)
				}
				versions[m[1]] = m[2]
			}
		}
		file.Close()
	}
	if len(versions) < 10 {
		t.Errorf("only %d requirements were read: the expression no longer fits go.mod", len(versions))
	}
}

// literals calls f with each string literal of the house's Go files, tests and generated code left out.
func literals(t *testing.T, f func(file string, line int, value string)) {
	t.Helper()
	house, files := root(t), token.NewFileSet()
	err := filepath.WalkDir(house, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != house {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
			return nil
		}
		tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(house, path)
		ast.Inspect(tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if value, err := strconv.Unquote(lit.Value); err == nil {
					f(relative, files.Position(lit.Pos()).Line, value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLiteralsHaveOneHome checks that subjects of NATS stand in libs/wire/subjects.go alone, and Redis keys in libs/feature/keys.go.
func TestLiteralsHaveOneHome(t *testing.T) {
	subject := regexp.MustCompile(`^haggle\.(q|ev|item|dead|vital|here|i|train)(\.|$)`)
	homes := map[string]int{}
	literals(t, func(file string, line int, value string) {
		switch {
		case subject.MatchString(value):
			homes["subject"]++
			if file != "libs/wire/subjects.go" {
				t.Errorf("%s:%d: the subject %q belongs in libs/wire/subjects.go", file, line, value)
			}
		case strings.HasPrefix(value, "hg1:"):
			homes["key"]++
			if file != "libs/feature/keys.go" {
				t.Errorf("%s:%d: the Redis key %q belongs in libs/feature/keys.go", file, line, value)
			}
		}
	})
	if homes["subject"] == 0 || homes["key"] == 0 {
		t.Errorf("found %v: the patterns no longer fit the house", homes)
	}
}

// TestPackagesIntroduceThemselves checks that each package has a doc comment of one sentence at least that begins with its name.
func TestPackagesIntroduceThemselves(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + filepath.Base(p.Dir) + " "
		}
		if !strings.HasPrefix(p.Doc, want) || !strings.HasSuffix(strings.TrimSpace(p.Doc), ".") {
			t.Errorf("%s: doc is %q, want a sentence that begins %q", strings.TrimPrefix(p.ImportPath, base), p.Doc, want)
		}
	}
}

// TestNoRoomIsCalledUtil checks the names of packages against those that say nothing.
func TestNoRoomIsCalledUtil(t *testing.T) {
	for _, p := range list(t) {
		switch p.Name {
		case "util", "utils", "common", "helper", "helpers", "types", "misc", "base", "shared", "models":
			t.Errorf("%s: %q says nothing of what is inside", p.ImportPath, p.Name)
		}
	}
}

// TestFilesAreOfAReadableSize holds files to 600 lines, tests and generated code left out.
func TestFilesAreOfAReadableSize(t *testing.T) {
	const most = 600
	for _, p := range list(t) {
		for _, name := range p.GoFiles {
			if strings.HasSuffix(name, ".pb.go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > most {
				t.Errorf("%s/%s has %d lines, at most %d", strings.TrimPrefix(p.ImportPath, base), name, n, most)
			}
		}
	}
}
