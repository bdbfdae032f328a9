package pack

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, text, float := rapid.Uint64().Draw(t, "number"), rapid.String().Draw(t, "text"), rapid.Float64().Draw(t, "float")
		a, b, c := rapid.SliceOf(rapid.Uint32()).Draw(t, "a"), rapid.SliceOf(rapid.Float64()).Draw(t, "b"), rapid.SliceOf(rapid.Byte()).Draw(t, "c")
		d, e, f, g := rapid.SliceOf(rapid.Uint16()).Draw(t, "d"), rapid.SliceOf(rapid.Int64()).Draw(t, "e"), rapid.SliceOf(rapid.Float32()).Draw(t, "f"), rapid.SliceOf(rapid.Uint64()).Draw(t, "g")
		out := AppendFloat(AppendText(AppendUint(nil, number), text), float)
		out = AppendList(AppendList(AppendList(out, a), b), c)
		out = AppendList(AppendList(AppendList(AppendList(out, d), e), f), g)
		r := Read(out)
		if got := r.Uint(); got != number {
			t.Fatalf("Uint = %d, want %d", got, number)
		}
		if got := r.Text(); got != text {
			t.Fatalf("Text = %q, want %q", got, text)
		}
		if got := r.Float(); got != float {
			t.Fatalf("Float = %v, want %v", got, float)
		}
		got := []any{List[uint32](r), List[float64](r), List[byte](r), List[uint16](r), List[int64](r), List[float32](r), List[uint64](r)}
		if diff := cmp.Diff([]any{a, b, c, d, e, f, g}, got); diff != "" {
			t.Fatalf("lists (-want +got):\n%s", diff)
		}
		if err := r.End(); err != nil {
			t.Fatal(err)
		}
		rest := Read(out)
		if rest.Uint(); rest.Text()+string(rest.Rest()) != text+string(out[len(AppendText(AppendUint(nil, number), text)):]) || rest.End() != nil {
			t.Fatal("Rest is not what was left")
		}
		cut := Read(out[:rapid.IntRange(0, len(out)-1).Draw(t, "cut")])
		_, _, _ = cut.Uint(), cut.Text(), cut.Float()
		_, _, _, _, _, _, _ = List[uint32](cut), List[float64](cut), List[byte](cut), List[uint16](cut), List[int64](cut), List[float32](cut), List[uint64](cut)
		if err := cut.End(); !errors.Is(err, ErrBroken) {
			t.Fatalf("cut off: %v, want ErrBroken", err)
		}
	})
}

func TestALieAboutALengthTakesNoMemory(t *testing.T) {
	r := Read(AppendUint(nil, 1<<60))
	if got := List[uint64](r); got == nil || len(got) != 0 || r.Err() == nil {
		t.Errorf("a list of 2^60 in no bytes = %v, %v", got, r.Err())
	}
}
