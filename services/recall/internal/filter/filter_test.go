package filter

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// show writes a node as an s-expression, for tests.
func show(n Node) string {
	parts := func(word string) string {
		for _, c := range n.Children {
			word += " " + show(c)
		}
		return "(" + word + ")"
	}
	switch n.Op {
	case And:
		return parts("and")
	case Or:
		return parts("or")
	case Not:
		return parts("not")
	case Available:
		return "available"
	case Any:
		return fmt.Sprintf("%s in %q", n.Key, n.Values)
	}
	left, right := "[", "]"
	if n.LowOut {
		left = "("
	}
	if n.HighOut {
		right = ")"
	}
	return fmt.Sprintf("%s %s%g, %g%s", n.Key, left, n.Low, n.High, right)
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, `(and)`},
		{`  `, `(and)`},
		{`brand = "Acme"`, `brand in ["Acme"]`},
		{`brand: "Acme"`, `brand in ["Acme"]`},
		{`brand: Acme`, `brand in ["Acme"]`},
		{`Brand:ANY("a","b")`, `brand in ["a" "b"]`},
		{`colour: any(red, "dark blue", 42)`, `colour in ["red" "dark blue" "42"]`},
		{`attributes.Size: ANY("42mm")`, `size in ["42mm"]`},
		{`size = 42mm`, `size in ["42mm"]`},
		{`size: 42`, `size in ["42"]`},
		{`颜色: ANY("红色")`, `颜色 in ["红色"]`},
		{`"screen size": "13\""`, `screen size in ["13\""]`},
		{`price: IN(10, 20e)`, `price [10, 20)`},
		{`price: IN(10i, 20 e)`, `price [10, 20)`},
		{`price: IN(*, 20)`, `price [-Inf, 20]`},
		{`price: IN(5e, *)`, `price (5, +Inf]`},
		{`price:10..20`, `price [10, 20)`},
		{`price:10.5..20.25`, `price [10.5, 20.25)`},
		{`price:10..`, `price [10, +Inf)`},
		{`price:..20`, `price [-Inf, 20)`},
		{`price:10.. AND available`, `(and price [10, +Inf) available)`},
		{`price >= 10`, `price [10, +Inf]`},
		{`price > -1.5`, `price (-1.5, +Inf]`},
		{`price <= 10`, `price [-Inf, 10]`},
		{`price<10`, `price [-Inf, 10)`},
		{`price = 10`, `price [10, 10]`},
		{`price != 10`, `(not price [10, 10])`},
		{`brand != "x"`, `(not brand in ["x"])`},
		{`created_at >= "2026-01-01"`, `created_at [1.7672256e+09, +Inf]`},
		{`created_at: IN("2026-01-01T00:00:00Z", *)`, `created_at [1.7672256e+09, +Inf]`},
		{`available`, `available`},
		{`NOT available`, `(not available)`},
		{`-available`, `(not available)`},
		{`available: yes`, `available in ["yes"]`},
		{`a:1 AND b:2 OR c:3`, `(or (and a in ["1"] b in ["2"]) c in ["3"])`},
		{`a:1 and (b:2 or c:3)`, `(and a in ["1"] (or b in ["2"] c in ["3"]))`},
		{`NOT (a:1 OR b:2)`, `(not (or a in ["1"] b in ["2"]))`},
		{
			`brand = "Acme" AND price:10..20 AND (colour:ANY("red","blue")) AND NOT category:"Shoes" AND available`,
			`(and brand in ["Acme"] price [10, 20) colour in ["red" "blue"] (not category in ["Shoes"]) available)`,
		},
		{`categories: ANY("A > B")`, `category in ["A > B"]`},
	} {
		n, err := Parse(c.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		if got := show(n); got != c.want {
			t.Errorf("Parse(%q) = %s, want %s", c.text, got, c.want)
		}
	}
}

func TestParseFaultsNameTheColumn(t *testing.T) {
	for _, c := range []struct {
		text   string
		column int
		says   string
	}{
		{`brand`, 6, `expected ':' or a comparison`},
		{`brand =`, 8, `expected a value`},
		{`brand = "Acme`, 9, `no closing quote`},
		{`红 = "Acme`, 5, `no closing quote`},
		{`brand = "a\n"`, 12, `expected " or \`},
		{`brand: ANY(`, 12, `expected a value`},
		{`brand: ANY()`, 12, `expected a value`},
		{`brand: ANY("a" "b")`, 16, `expected ")"`},
		{`brand: SOME("a")`, 8, `unknown function "SOME"`},
		{`price: IN(1)`, 12, `expected ","`},
		{`price: IN(a, 2)`, 11, `expected a number`},
		{`price: IN(1, 2`, 15, `expected ")"`},
		{`price < "cheap"`, 9, `expected a number`},
		{`price = cheap`, 9, `expected a number`},
		{`price: ..`, 10, `expected a number after`},
		{`created_at > "yesterday"`, 14, `is no date`},
		{`a:1 AND`, 8, `expected the name of a field`},
		{`a:1 AND AND b:2`, 13, `expected ':'`},
		{`a:1 b:2`, 5, `expected AND, OR or the end`},
		{`(a:1`, 5, `expected ")"`},
		{`a:1)`, 4, `expected AND, OR or the end`},
		{`a # 1`, 3, `unexpected character '#'`},
		{`= 1`, 1, `expected the name of a field`},
		{`"" = 1`, 1, `name of the field is empty`},
		{`price > 1` + strings.Repeat("0", 400), 9, `is no number`},
		{strings.Repeat("(", 40) + "a:1" + strings.Repeat(")", 40), 18, `nested deeper`},
		{strings.Repeat("NOT ", 40) + "a:1", 69, `nested deeper`},
		{strings.Repeat("a:1 AND ", 70) + "a:1", 513, `more than 64 conditions`},
		{"a: ANY(1" + strings.Repeat(",1", 600) + ")", 1032, `more than 512 values`},
		{strings.Repeat("x", 5000), 1, `the filter has 5000 bytes`},
	} {
		_, err := Parse(c.text)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("Parse(%.40q) error = %v, want an *Error", c.text, err)
			continue
		}
		if fault.Column != c.column || !strings.Contains(fault.Text, c.says) {
			t.Errorf("Parse(%.40q) = %q, want column %d and %q", c.text, fault, c.column, c.says)
		}
	}
}

func TestOnlyKey(t *testing.T) {
	for _, c := range []struct {
		text, want string
	}{
		{`brand:a`, "brand"},
		{`brand:a OR brand:b`, "brand"},
		{`NOT (brand:a OR brand:b)`, "brand"},
		{`brand:a OR colour:b`, ""},
		{`available`, ""},
		{`price:1..2 OR price:5..6`, "price"},
	} {
		n, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := n.OnlyKey(); got != c.want {
			t.Errorf("OnlyKey(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestQuoteRoundTrips(t *testing.T) {
	for _, s := range []string{"", "Acme", `5" disk`, `back\slash`, `\"`, "a > b", "红色"} {
		n, err := Parse("x = " + Quote(s))
		if err != nil || len(n.Values) != 1 || n.Values[0] != s {
			t.Errorf("Parse(Quote(%q)) = %q, %v", s, n.Values, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`brand = "Acme" AND price:10..20 AND (colour:ANY("red","blue")) AND NOT category:"Shoes" AND available`,
		`price: IN(*, 20e)`, `-a:1`, `created_at >= "2026-01-01"`, `((((`, `a:..`, "\xff\xfe", `"\`, `a: 1.`, `a:1..2..3`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Column < 1 || fault.Column > utf8.RuneCountInString(text)+1 {
				t.Fatalf("Parse(%q) = %v, want an *Error within the text", text, err)
			}
			return
		}
		check(t, n, 0)
	})
}

// check fails on a node that evaluation could not handle.
func check(t *testing.T, n Node, depth int) {
	if depth > 3*MaxDepth+3 {
		t.Fatalf("nested %d deep", depth)
	}
	if math.IsNaN(n.Low) || math.IsNaN(n.High) || len(n.Values) > MaxValues {
		t.Fatalf("node %+v", n)
	}
	if (n.Op == Any || n.Op == Range) && n.Key == "" {
		t.Fatalf("node without a key: %+v", n)
	}
	for _, c := range n.Children {
		check(t, c, depth+1)
	}
}
