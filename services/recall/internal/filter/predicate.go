package filter

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// in reads the two bounds of IN, from its parenthesis on.
func (p *parser) in(n Node) (Node, error) {
	n.Op = Range
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	low, lowOut, err := p.bound(n.Key, math.Inf(-1))
	if err != nil {
		return Node{}, err
	}
	if err := p.expect(','); err != nil {
		return Node{}, err
	}
	high, highOut, err := p.bound(n.Key, math.Inf(1))
	if err != nil {
		return Node{}, err
	}
	n.Low, n.LowOut, n.High, n.HighOut = low, lowOut, high, highOut
	return n, p.expect(')')
}

// bound reads one bound of IN: "*", or a number with "i" or "e" directly or apart behind it.
func (p *parser) bound(key string, open float64) (at float64, out bool, err error) {
	if p.token.kind == '*' {
		return open, false, p.advance()
	}
	at, err = p.number(key, p.token)
	if err != nil {
		return 0, false, err
	}
	if err := p.advance(); err != nil {
		return 0, false, err
	}
	switch {
	case p.word("i"):
		return at, false, p.advance()
	case p.word("e"):
		return at, true, p.advance()
	}
	return at, false, nil
}

// number is the value of t where a number has to stand; for created_at a quoted date will do.
func (p *parser) number(key string, t token) (float64, error) {
	if t.kind == tokenNumber {
		return t.number, nil
	}
	if key == "created_at" && t.kind == tokenQuoted {
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if at, err := time.Parse(layout, t.text); err == nil {
				return float64(at.Unix()), nil
			}
		}
		return 0, &Error{Column: p.column(t.at), Text: fmt.Sprintf("%q is no date; expected \"2026-01-31\" or \"2026-01-31T12:00:00Z\"", t.text)}
	}
	return 0, &Error{Column: p.column(t.at), Text: fmt.Sprintf("expected a number, found %s", t)}
}

// compare reads what stands behind a comparison.
func (p *parser) compare(n Node, op tokenKind) (Node, error) {
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	value := p.token
	if k := value.kind; k != tokenQuoted && k != tokenWord && k != tokenNumber {
		return Node{}, p.fault("expected a value, found %s", p.token)
	}
	if err := p.advance(); err != nil {
		return Node{}, err
	}
	if op == '=' || op == tokenNot {
		equal, err := p.equal(n, value)
		if err != nil || op == '=' {
			return equal, err
		}
		return Node{Op: Not, Children: []Node{equal}, Column: n.Column}, nil
	}
	at, err := p.number(n.Key, value)
	if err != nil {
		return Node{}, err
	}
	n.Op = Range
	switch op {
	case '<':
		n.High, n.HighOut = at, true
	case tokenAtMost:
		n.High = at
	case '>':
		n.Low, n.LowOut = at, true
	case tokenAtLeast:
		n.Low = at
	}
	return n, nil
}

// equal makes the test of one value. Price and created_at are numbers always.
func (p *parser) equal(n Node, value token) (Node, error) {
	if n.Key == "price" || n.Key == "created_at" {
		at, err := p.number(n.Key, value)
		if err != nil {
			return Node{}, err
		}
		n.Op, n.Low, n.High = Range, at, at
		return n, nil
	}
	n.Op = Any
	return n, p.value(&n, value)
}

// Quote returns s as a quoted text of the language.
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
