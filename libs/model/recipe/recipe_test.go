package recipe

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/model"
)

var update = flag.Bool("update", false, "write golden files")

func TestGoldenFile(t *testing.T) {
	file, err := Default().Encode(map[string]string{"made_by": "test"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "recipe_v1.golden")
	if *update {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(old)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("Open(%s) (-default +got):\n%s", path, diff)
	}
}

func TestDefaultKnowsEverySituation(t *testing.T) {
	for _, s := range Situations {
		if len(Default()[s]) == 0 {
			t.Errorf("nothing counts when %s", s)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, m := range map[string]Model{
		"an unknown situation": {"asleep": {"popular": 1}},
		"a negative weight":    {Begun: {"popular": -1}},
		"no number":            {Begun: {"popular": float32(math.NaN())}},
		"too much":             {Begun: {"popular": MaxWeight + 1}},
		"nothing":              {Begun: {"popular": 0}},
	} {
		if m.Check() == nil {
			t.Errorf("%s is taken: %v", name, m)
		}
		if _, err := m.Encode(nil); err == nil {
			t.Errorf("%s is written: %v", name, m)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file, err := Default().Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		broken := slices.Clone(file)
		broken[i] ^= 0x10
		if _, err := Open(broken); err == nil {
			t.Fatalf("Open takes a file with byte %d flipped", i)
		}
	}
	for payload, want := range map[string]error{
		`{"begun":{"popular":-1}}`: model.ErrBroken, `[]`: model.ErrBroken, `{`: model.ErrBroken, `{"asleep":{"popular":1}}`: model.ErrBroken,
	} {
		file, err := model.Encode(model.Header{Kind: model.KindRecipe}, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); !errors.Is(err, want) {
			t.Errorf("Open of %s = %v, want %v", payload, err, want)
		}
	}
	other, err := model.Encode(model.Header{Kind: model.KindLinear}, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); !errors.Is(err, model.ErrKind) {
		t.Errorf("Open of another kind = %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	file, err := Default().Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		if m, err := Open(file); err == nil && m.Check() != nil {
			t.Errorf("Open lets through %v", m)
		}
	})
}
