package strict

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape is what the tests read: one member of every kind.
type shape struct {
	Text  string
	Int   int
	Float float64
	Bool  bool
	Pick  string
	List  []string
	Child *shape
}

func read(r *Reader) *shape {
	var s shape
	for key := range r.Members {
		switch string(key) {
		case "text":
			s.Text = r.Text(8)
		case "int":
			s.Int = r.Int(0, 100)
		case "float":
			s.Float = r.Float(-1, 1e6)
		case "bool":
			s.Bool = r.Bool()
		case "pick":
			s.Pick = r.Choice("a", "b")
		case "list":
			for range r.elements(3) {
				s.List = append(s.List, r.Text(8))
			}
		case "child":
			s.Child = read(r)
		}
	}
	return &s
}

// elements adapts Elements to range in the tests.
func (r *Reader) elements(most int) func(func(int) bool) {
	return func(yield func(int) bool) { r.Elements(most, yield) }
}

func TestRead(t *testing.T) {
	var r Reader
	r.Reset([]byte(` {"text":"h\u00e9\n\ud83d\ude00","int":1e2,"float":-0.5,"bool":true,"pick":"b","list":["x","y"],"child":{"int":7,"text":null}} `))
	got := read(&r)
	r.End()
	if len(r.Faults()) > 0 || r.Malformed() {
		t.Fatalf("faults = %v, want none", r.Faults())
	}
	want := &shape{Text: "hé\n😀", Int: 100, Float: -0.5, Bool: true, Pick: "b", List: []string{"x", "y"}, Child: &shape{Int: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		text, field, reason string
		malformed           bool
	}{
		{``, "", "no valid value", true},
		{`[]`, "", "must be an object", false},
		{`{"text":"x"`, "", "closing brace", true},
		{`{"text":"x"} x`, "", "more text", true},
		{`{"text":5}`, "text", "is a number, must be a string", false},
		{`{"text":"123456789"}`, "text", "has 9 characters, at most 8", false},
		{`{"text":"a\u0000"}`, "text", "control character U+0000", false},
		{"{\"text\":\"a\x01\"}", "text", "control character U+0001", true},
		{"{\"text\":\"\xff\"}", "text", "UTF-8", true},
		{"{\"te\xfft\":1}", "", "UTF-8", true},
		{`{"text":"\ud83d"}`, "text", "surrogate", true},
		{`{"text":"\ud83dx"}`, "text", "surrogate", true},
		{`{"text":"\q"}`, "text", "escape", true},
		{`{"text":"\u12g4"}`, "text", "escape", true},
		{`{"text":"abc`, "text", "closing quote", true},
		{`{"int":1.5}`, "int", "whole number", false},
		{`{"int":101}`, "int", "between 0 and 100", false},
		{`{"int":-1}`, "int", "between 0 and 100", false},
		{`{"int":1e300}`, "int", "between 0 and 100", false},
		{`{"int":99999999999999999999}`, "int", "between 0 and 100", false},
		{`{"int":"5"}`, "int", "is a string, must be a number", false},
		{`{"int":01}`, "int", "not a number", true},
		{`{"int":1.}`, "int", "not a number", true},
		{`{"int":+1}`, "int", "no valid value", true},
		{`{"float":NaN}`, "float", "no valid value", true},
		{`{"float":1e999}`, "float", "between", false},
		{`{"float":-2}`, "float", "between", false},
		{`{"float":Infinity}`, "float", "no valid value", true},
		{`{"bool":1}`, "bool", "must be true or false", false},
		{`{"bool":tru}`, "bool", "no valid value", true},
		{`{"pick":"c"}`, "pick", `is "c", must be one of a, b`, false},
		{`{"list":"x"}`, "list", "must be an array", false},
		{`{"list":["x",1]}`, "list[1]", "must be a string", false},
		{`{"list":["1","2","3","4"]}`, "list", "more than 3 elements", false},
		{`{"list":["1" "2"]}`, "list", "comma", true},
		{`{"list":["1",]}`, "list[1]", "no valid value", true},
		{`{"list":["1"`, "list", "closing bracket", true},
		{`{"child":{"child":{"int":"x"}}}`, "child.child.int", "must be a number", false},
		{`{"other":{"a":[1,2,{"b":null}]}}`, "other", "not a known field", false},
		{`{"int":1,"int":2}`, "int", "appears twice", false},
		{`{"int":1,"\u0069nt":2}`, "int", "appears twice", false},
		{`{"int" 1}`, "", "colon", true},
		{`{int:1}`, "", "key in quotes", true},
		{`{"int":1,}`, "", "key in quotes", true},
		{`{"int":1 "text":"x"}`, "", "comma", true},
		{`{"other":` + strings.Repeat("[", 1000), "other", "nested deeper", true},
		{`{"child":` + strings.Repeat(`{"child":`, 40), "child", "nested deeper", true},
	}
	for _, test := range tests {
		var r Reader
		r.Reset([]byte(test.text))
		read(&r)
		r.End()
		if len(r.Faults()) == 0 {
			t.Errorf("read(%s): no fault, want %q", test.text, test.reason)
			continue
		}
		fault := r.Faults()[0]
		if !strings.HasPrefix(fault.Field, test.field) || !strings.Contains(fault.Reason, test.reason) {
			t.Errorf("read(%.60s) = %q %q, want %q ... %q", test.text, fault.Field, fault.Reason, test.field, test.reason)
		}
		if r.Malformed() != test.malformed {
			t.Errorf("read(%.60s): malformed = %v, want %v", test.text, r.Malformed(), test.malformed)
		}
	}
}

func TestTooManyMembersAreRefusedAtOnce(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	for i := range 10_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k`)
		b.WriteString(strings.Repeat("x", i%50))
		b.WriteString(`":1`)
	}
	b.WriteByte('}')
	var r Reader
	r.Reset([]byte(b.String()))
	read(&r)
	if !r.Malformed() || len(r.Faults()) > MaxFaults+1 {
		t.Errorf("malformed = %v with %d faults, want true with at most %d", r.Malformed(), len(r.Faults()), MaxFaults)
	}
}

func TestParams(t *testing.T) {
	p := ReadParams("q=shoe&n=5&on=true&pick=b&bad=%ff&twice=1&twice=2&n2=x&other=1")
	if got := p.Text("q", 10); got != "shoe" {
		t.Errorf("Text(q) = %q", got)
	}
	if got := p.Int("n", 1, 10, 3); got != 5 {
		t.Errorf("Int(n) = %d, want 5", got)
	}
	if got := p.Int("absent", 1, 10, 3); got != 3 {
		t.Errorf("Int(absent) = %d, want 3", got)
	}
	if !p.Bool("on") || p.Choice("pick", "a", "b") != "b" {
		t.Error("Bool(on) or Choice(pick) did not read what was given")
	}
	p.Text("bad", 10)
	p.Text("twice", 10)
	p.Int("n2", 1, 10, 3)
	var fields []string
	for _, f := range p.Faults() {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"bad", "twice", "n2", "other"}, fields); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if !ReadParams("a=%zz").Malformed() {
		t.Error("ReadParams accepts a broken escape")
	}
}

// FuzzReader holds the reader to encoding/json: what we accept it accepts, with the same content, and nothing panics.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"text":"a\u00e9","int":3,"list":["a"],"child":{"bool":true}}`, `{"a":[1,2,{"b":null}]}`, `{"text":"\ud83d\ude00"}`, `[[[`, `{"int":1e5}`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Reader
		r.Reset(data)
		got := read(&r)
		r.End()
		if len(r.Faults()) > 0 {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("we accept %q, encoding/json says %v", data, err)
		}
		if text, ok := want["text"].(string); ok && text != got.Text {
			t.Errorf("text of %q = %q, want %q", data, got.Text, text)
		}
		if n, ok := want["int"].(float64); ok && int(n) != got.Int {
			t.Errorf("int of %q = %d, want %v", data, got.Int, n)
		}
	})
}
