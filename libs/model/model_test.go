package model

import (
	"encoding/binary"
	"errors"
	"flag"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/trees"
)

var update = flag.Bool("update", false, "write the golden files anew")

// samples are one model of each kind that scores rows, both of two features.
func samples(t testing.TB) map[string]Scorer {
	t.Helper()
	forest, err := trees.New(2, 0.5, []trees.Tree{
		{Nodes: []trees.Node{{Feature: 0, Threshold: 1}, {Feature: 1, Threshold: -1}, {Feature: 1, Threshold: float32(math.Inf(1))}}, Leaves: []float32{1, 2, 3, 4}},
		{Leaves: []float32{-0.25}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Scorer{KindTrees: forest, KindLinear: &linear.Model{Bias: 1, Weights: []float32{0.5, -2}}}
}

// sample encodes one of them.
func sample(t testing.TB, kind string) []byte {
	t.Helper()
	s := samples(t)[kind]
	payload, err := s.(interface {
		AppendBinary(b []byte) ([]byte, error)
	}).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := []float32{0, 0, 2, 0, 0, -3}
	file, err := Encode(Header{
		Kind: kind, Features: []string{"first", "second"}, Golden: NewGolden(s, rows, 3),
		Calibration: Calibration{Slope: 2, Offset: -1}, Notes: map[string]string{"seed": "1"},
	}, payload)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestGoldenFiles(t *testing.T) {
	for kind := range samples(t) {
		path := filepath.Join("testdata", kind+"_v1.golden")
		file := sample(t, kind)
		if *update {
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(file) != string(want) {
			t.Errorf("Encode gives other bytes than %s", path)
		}
		f, err := Open(want)
		if err != nil {
			t.Errorf("Open(%s): %v", path, err)
			continue
		}
		if diff := cmp.Diff([]string{"first", "second"}, f.Header.Features); diff != "" || f.Header.Kind != kind || f.Scorer.Features() != 2 {
			t.Errorf("header of %s is %+v", path, f.Header)
		}
		got := make([]float32, 3)
		f.Scorer.Score(got, []float32{0, 0, 2, 0, 0, -3})
		wantScores := map[string][]float32{KindTrees: {0.5 + 2 - 0.25, 0.5 + 3 - 0.25, 0.5 + 1 - 0.25}, KindLinear: {1, 2, 7}}
		if diff := cmp.Diff(wantScores[kind], got); diff != "" {
			t.Errorf("scores of %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestOpenRefusesEveryFlippedByte(t *testing.T) {
	for kind := range samples(t) {
		file := sample(t, kind)
		for i := range file {
			for _, flip := range []byte{1, 0x20, 0x80, 0xff} {
				broken := slices.Clone(file)
				broken[i] ^= flip
				if _, err := Open(broken); err == nil {
					t.Fatalf("Open takes the %s file with byte %d xor %#x", kind, i, flip)
				}
			}
			if _, err := Open(file[:i]); err == nil {
				t.Fatalf("Open takes the first %d bytes of the %s file", i, kind)
			}
		}
		if _, err := Open(append(slices.Clone(file), 0)); err == nil {
			t.Errorf("Open takes the %s file with a byte too many", kind)
		}
	}
}

// reseal changes a file and makes its checksum right again.
func reseal(file []byte, change func([]byte)) []byte {
	file = slices.Clone(file)
	change(file)
	body := file[:len(file)-checkBytes]
	binary.LittleEndian.PutUint32(file[len(body):], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return file
}

func TestOpenSaysWhy(t *testing.T) {
	linearPayload, err := samples(t)[KindLinear].(*linear.Model).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(h Header, payload []byte) []byte {
		file, err := Encode(h, payload)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	two := []string{"first", "second"}
	for name, c := range map[string]struct {
		file []byte
		want error
		text string
	}{
		"nothing":          {nil, ErrBroken, "begin"},
		"another file":     {[]byte(strings.Repeat("PNG", 30)), ErrBroken, "begin"},
		"a later version":  {reseal(sample(t, KindTrees), func(b []byte) { b[8] = 2 }), ErrVersion, "2"},
		"no JSON":          {reseal(sample(t, KindTrees), func(b []byte) { b[preambleBytes] = 'x' }), ErrBroken, "header"},
		"a list":           {encode(Header{Kind: KindNeighbour}, nil), ErrKind, "neighbour"},
		"another payload":  {encode(Header{Kind: KindTrees, Features: two}, linearPayload), ErrBroken, "trees"},
		"a name too few":   {encode(Header{Kind: KindLinear, Features: two[:1]}, linearPayload), ErrBroken, "1 features"},
		"another score":    {encode(Header{Kind: KindLinear, Features: two, Golden: Golden{[][]float32{{1, 1}}, []float32{3}}}, linearPayload), ErrGolden, "row 0"},
		"a short row":      {encode(Header{Kind: KindLinear, Features: two, Golden: Golden{[][]float32{{1}}, []float32{3}}}, linearPayload), ErrBroken, "golden row 0"},
		"a score too many": {encode(Header{Kind: KindLinear, Features: two, Golden: Golden{nil, []float32{3}}}, linearPayload), ErrBroken, "golden"},
	} {
		_, err := Open(c.file)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: Open = %v, want %v with %q", name, err, c.want, c.text)
		}
	}
}

func TestCalibration(t *testing.T) {
	// 1 / (1 + exp(-(2*1 - 1))) = 1 / (1 + exp(-1)) = 0.7311
	if got := (Calibration{Slope: 2, Offset: -1}).Probability(1); math.Abs(got-0.731059) > 1e-6 {
		t.Errorf("Probability(1) = %v, want 0.731059", got)
	}
	if got := (Calibration{}).Probability(9); got != 0.5 {
		t.Errorf("Probability without calibration = %v, want 0.5", got)
	}
}

func TestNewGoldenTakesWhatIsThere(t *testing.T) {
	s := samples(t)[KindLinear]
	if g := NewGolden(s, []float32{1, 2, 3, 4}, 5); len(g.In) != 2 || len(g.Out) != 2 || g.check(s) != nil {
		t.Errorf("NewGolden of two rows = %+v", g)
	}
	if g := NewGolden(s, nil, 5); len(g.In) != 0 || g.check(s) != nil {
		t.Errorf("NewGolden of no rows = %+v", g)
	}
}

func FuzzOpen(f *testing.F) {
	for kind := range samples(f) {
		f.Add(sample(f, kind))
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := Open(file)
		if err != nil {
			// With the checksum made right the parts behind it are reached.
			if len(file) < preambleBytes+checkBytes {
				return
			}
			if m, err = Open(reseal(file, func([]byte) {})); err != nil {
				return
			}
		}
		m.Scorer.Score(make([]float32, 2), make([]float32, 2*m.Scorer.Features()))
	})
}
