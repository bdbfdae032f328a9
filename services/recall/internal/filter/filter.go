// Package filter parses the filter language of searches and recommendations.
//
// The language is close to that of Google Retail:
//
//	brand: ANY("Acme", "Globex") AND price: IN(10, 20e) AND NOT category: "Shoes" AND available
//
//	expression = conjunction { "OR" conjunction }
//	conjunction = negation { "AND" negation }
//	negation   = [ "NOT" | "-" ] ( "(" expression ")" | predicate )
//	predicate  = "available"
//	           | key ":" "ANY" "(" text { "," text } ")"        one of the values
//	           | key ":" "IN" "(" bound "," bound ")"           a range
//	           | key ":" number ".." [ number ]                 from the first up to, not including, the second; so is ".." number
//	           | key ":" text, key "=" text, key "!=" text      one value
//	           | key ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) number
//	bound      = "*" | number [ "i" | "e" ]                     i = inclusive (the default), e = exclusive
//	text       = a quoted string with \" and \\ as escapes, or one bare word
//	key        = letters, digits, "_", "-" and "."; or a quoted string
//
// Keys are id, brand, category (a level of the path by its name, or the path as "A > B"), price, created_at (unix seconds, or a
// quoted date such as "2026-01-31"), availability, and the names of attributes, with or without "attributes." before them. Keys,
// values (but not ids) and the words AND, OR, NOT, ANY and IN are compared without regard to case. An attribute that no item has
// matches none; a range matches values of an attribute that are numbers, and an item without a price is in no range of prices.
package filter

import (
	"fmt"
	"math"
	"strings"
)

// Limits on an expression, so that none can cost much to parse or to evaluate.
const (
	MaxBytes      = 4096
	MaxDepth      = 16
	MaxPredicates = 64
	MaxValues     = 512
)

// Op says what a [Node] tests.
type Op uint8

// The operations of nodes.
const (
	And       Op = iota // every child holds
	Or                  // a child holds
	Not                 // the only child does not hold
	Any                 // Key has one of Values
	Range               // the number of Key lies between Low and High
	Available           // the item can be bought
)

// Node is one operation of an expression.
type Node struct {
	Op       Op
	Children []Node
	// Key is folded to lower case, and "attributes." is cut off.
	Key    string
	Values []string
	// Low and High bound a Range; infinite when open. LowOut and HighOut say that the bound itself does not match.
	Low, High       float64
	LowOut, HighOut bool
	// Column is where the predicate begins in the text, in characters from 1.
	Column int
}

// Error says what is wrong with an expression, and where.
type Error struct {
	// Column counts characters from 1.
	Column int
	Text   string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Text) }

// Parse reads an expression. The empty text is an And without children, which every item matches. The error is an [*Error].
func Parse(text string) (Node, error) {
	if len(text) > MaxBytes {
		return Node{}, &Error{Column: 1, Text: fmt.Sprintf("the filter has %d bytes, at most %d", len(text), MaxBytes)}
	}
	p := parser{scanner: scanner{text: text}}
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	if p.token.kind == tokenEnd {
		return Node{Op: And}, nil
	}
	n, err := p.expression(0)
	if err != nil {
		return Node{}, err
	}
	if p.token.kind != tokenEnd {
		return Node{}, p.fault("expected AND, OR or the end, found %s", p.token)
	}
	return n, nil
}

// Conjuncts returns the parts that all have to hold: the children of a top-level And, else the node itself.
func (n *Node) Conjuncts() []Node {
	if n.Op == And {
		return n.Children
	}
	return []Node{*n}
}

// OnlyKey returns the key that every predicate below n tests, and false when there are several or none.
func (n *Node) OnlyKey() (string, bool) {
	switch n.Op {
	case Any, Range:
		return n.Key, true
	case And, Or, Not:
		only := ""
		for i := range n.Children {
			key, ok := n.Children[i].OnlyKey()
			if !ok || (only != "" && only != key) {
				return "", false
			}
			only = key
		}
		return only, only != ""
	}
	return "", false
}

type parser struct {
	scanner
	token      token
	predicates int
	values     int
}

func (p *parser) fault(format string, args ...any) error {
	return &Error{Column: p.column(p.token.at), Text: fmt.Sprintf(format, args...)}
}

// advance reads the next token.
func (p *parser) advance() (err error) {
	p.token, err = p.next()
	return err
}

// word reports whether the token is the bare word w in any case.
func (p *parser) word(w string) bool {
	return p.token.kind == tokenWord && strings.EqualFold(p.token.text, w)
}

// expect reads past the token when it is of the kind, and else says what was expected.
func (p *parser) expect(kind tokenKind) error {
	if p.token.kind != kind {
		return p.fault("expected %q, found %s", string(kind), p.token)
	}
	return p.advance()
}

func (p *parser) expression(depth int) (Node, error) {
	return p.list(Or, "OR", func() (Node, error) {
		return p.list(And, "AND", func() (Node, error) { return p.negation(depth) })
	})
}

// list reads one or more parts joined by the word; one part alone stands for itself.
func (p *parser) list(op Op, word string, part func() (Node, error)) (Node, error) {
	first, err := part()
	if err != nil || !p.word(word) {
		return first, err
	}
	n := Node{Op: op, Column: first.Column, Children: []Node{first}}
	for p.word(word) {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		child, err := part()
		if err != nil {
			return Node{}, err
		}
		n.Children = append(n.Children, child)
	}
	return n, nil
}

func (p *parser) negation(depth int) (Node, error) {
	column := p.column(p.token.at)
	if depth > MaxDepth {
		return Node{}, p.fault("nested deeper than %d levels", MaxDepth)
	}
	if p.word("NOT") || p.token.kind == '-' {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		child, err := p.negation(depth + 1)
		if err != nil {
			return Node{}, err
		}
		return Node{Op: Not, Children: []Node{child}, Column: column}, nil
	}
	if p.token.kind == '(' {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		n, err := p.expression(depth + 1)
		if err != nil {
			return Node{}, err
		}
		return n, p.expect(')')
	}
	return p.predicate(column)
}

func (p *parser) predicate(column int) (Node, error) {
	if p.predicates++; p.predicates > MaxPredicates {
		return Node{}, p.fault("more than %d conditions", MaxPredicates)
	}
	if p.token.kind != tokenWord && p.token.kind != tokenQuoted {
		return Node{}, p.fault("expected the name of a field, found %s", p.token)
	}
	name := p.token
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	n := Node{Key: foldKey(name.text), Column: column, Low: math.Inf(-1), High: math.Inf(1)}
	if n.Key == "" {
		return Node{}, &Error{Column: column, Text: "the name of the field is empty"}
	}
	switch p.token.kind {
	case ':':
		return p.colon(n)
	case '=', tokenNot, '<', tokenAtMost, '>', tokenAtLeast:
		return p.compare(n, p.token.kind)
	}
	if name.kind == tokenWord && strings.EqualFold(name.text, "available") {
		return Node{Op: Available, Column: column}, nil
	}
	return Node{}, p.fault("expected ':' or a comparison after %q, found %s", name.text, p.token)
}

// foldKey is the form in which keys are compared.
func foldKey(name string) string {
	key := strings.ToLower(strings.TrimSpace(name))
	key = strings.TrimPrefix(key, "attributes.")
	if key == "categories" {
		return "category"
	}
	return key
}

// colon reads what stands behind "key:".
func (p *parser) colon(n Node) (Node, error) {
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	switch value := p.token; value.kind {
	case tokenRange:
		return p.open(n)
	case tokenNumber:
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		if p.token.kind == tokenRange {
			n.Low = value.number
			return p.open(n)
		}
		return p.equal(n, value)
	case tokenWord, tokenQuoted:
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		if value.kind == tokenWord && p.token.kind == '(' {
			switch strings.ToUpper(value.text) {
			case "ANY":
				return p.any(n)
			case "IN":
				return p.in(n)
			}
			return Node{}, &Error{Column: p.column(value.at), Text: fmt.Sprintf("unknown function %q, expected ANY or IN", value.text)}
		}
		return p.equal(n, value)
	}
	return Node{}, p.fault("expected ANY(...), IN(...), a range or a value, found %s", p.token)
}

// open reads ".." and the upper end of a range, which is exclusive and may be missing when the lower is there.
func (p *parser) open(n Node) (Node, error) {
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	n.Op, n.HighOut = Range, true
	if p.token.kind != tokenNumber {
		if math.IsInf(n.Low, -1) {
			return Node{}, p.fault("expected a number after \"..\", found %s", p.token)
		}
		return n, nil
	}
	n.High = p.token.number
	return n, p.advance()
}

// any reads the values of ANY, from its parenthesis on.
func (p *parser) any(n Node) (Node, error) {
	n.Op = Any
	for {
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		if k := p.token.kind; k != tokenQuoted && k != tokenWord && k != tokenNumber {
			return Node{}, p.fault("expected a value, found %s", p.token)
		}
		if err := p.value(&n, p.token); err != nil {
			return Node{}, err
		}
		if err := p.advance(); err != nil {
			return Node{}, err
		}
		if p.token.kind == ',' {
			continue
		}
		return n, p.expect(')')
	}
}

func (p *parser) value(n *Node, t token) error {
	if p.values++; p.values > MaxValues {
		return &Error{Column: p.column(t.at), Text: fmt.Sprintf("more than %d values", MaxValues)}
	}
	n.Values = append(n.Values, t.text)
	return nil
}
