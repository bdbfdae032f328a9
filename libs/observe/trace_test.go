package observe

import (
	"context"
	"strings"
	"testing"
)

const sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParseTrace(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         bool
	}{
		{"the example of the specification", sample, true},
		{"not sampled", strings.TrimSuffix(sample, "1") + "0", true},
		{"a later version", "01" + sample[2:], true},
		{"a later version with more fields", "cc" + sample[2:] + "-what-comes", true},
		{"empty", "", false},
		{"short", sample[:54], false},
		{"version 00 with more fields", sample + "-01", false},
		{"a later version with a longer flag", "cc" + sample[2:] + "0", false},
		{"version ff", "ff" + sample[2:], false},
		{"upper case", strings.ToUpper(sample), false},
		{"zero trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
		{"zero span", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
		{"a dash among the digits", "00-4bf92f3577b34da6a3ce929d0e0e473--00f067aa0ba902b7-01", false},
		{"no dash", strings.Replace(sample, "-", "0", 1), false},
		{"not hexadecimal", strings.Replace(sample, "4b", "4g", 1), false},
	} {
		got, ok := ParseTrace(c.header)
		if ok != c.want || ok != got.Valid() {
			t.Errorf("%s: ParseTrace(%q) = %v, %v, want %v", c.name, c.header, got, ok, c.want)
		}
	}
}

func TestTraceTravels(t *testing.T) {
	parent, _ := ParseTrace(sample)
	if parent.String() != sample {
		t.Errorf("String() = %s, want %s", parent, sample)
	}
	child := parent.Child()
	if child.ID != parent.ID || child.Flags != parent.Flags || child.Span == parent.Span {
		t.Errorf("Child() of %v = %v, want the same trace and another span", parent, child)
	}
	if a, b := NewTrace(), NewTrace(); !a.Valid() || a.ID == b.ID {
		t.Errorf("NewTrace() = %v and %v, want two traces", a, b)
	}
	if _, ok := TraceOf(context.Background()); ok {
		t.Error("TraceOf(empty context) found a trace")
	}
	if got, ok := TraceOf(WithTrace(context.Background(), child)); !ok || got != child {
		t.Errorf("TraceOf = %v, %v, want %v", got, ok, child)
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add(sample)
	f.Add("cc" + sample[2:] + "-more")
	f.Add("00--")
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := ParseTrace(header)
		if !ok {
			if got != (Trace{}) {
				t.Fatalf("ParseTrace(%q) refused it and returned %v", header, got)
			}
			return
		}
		again, ok := ParseTrace(got.String())
		if !ok || again != got {
			t.Fatalf("ParseTrace(%q) = %v, which reads back as %v, %v", header, got, again, ok)
		}
	})
}

func BenchmarkTrace(b *testing.B) {
	buffer := make([]byte, 0, traceBytes)
	b.ReportAllocs()
	for b.Loop() {
		t, ok := ParseTrace(sample)
		if !ok {
			b.Fatal("refused")
		}
		buffer, _ = t.Child().AppendText(buffer[:0])
	}
}
