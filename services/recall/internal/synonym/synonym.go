// Package synonym holds a shop's rules of what words stand for: a few hundred lines that a merchandiser writes.
//
//	# what follows a number sign is a comment
//	sofa, couch, settee          each finds what the others find
//	cell phone, smartphone       the side of several words is found by the word, not the other way round
//	laptop => notebook           a search for laptop also finds notebooks
//	telly -> flat screen tv      what is looked for instead
package synonym

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/feature"
)

// Limits of a set of rules.
const (
	// maxWords is how many words the left side of a rule may have.
	maxWords = 4
	// maxRules is how many lines count.
	maxRules = 20_000
)

// Rules are what was read. They do not change; any number of readers may use them at once. A nil set has no rule.
type Rules struct {
	// others are what may stand for a phrase, instead what takes its place; keys are stems between spaces.
	others  map[string][]string
	instead map[string][]string
	longest int
}

// Len returns for how many phrases there is a rule.
func (r *Rules) Len() int {
	if r == nil {
		return 0
	}
	return len(r.others) + len(r.instead)
}

// Parse reads rules. An error names the line.
func Parse(source io.Reader) (*Rules, error) {
	r := &Rules{others: map[string][]string{}, instead: map[string][]string{}}
	lines := bufio.NewScanner(source)
	n := 0
	for lines.Scan() {
		n++
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if n > maxRules {
			return nil, fmt.Errorf("line %d: more than %d lines", n, maxRules)
		}
		if err := r.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return r, nil
}

func (r *Rules) add(line string) error {
	if left, right, ok := strings.Cut(line, "->"); ok {
		from, err := phrase(left)
		if err != nil {
			return err
		}
		to := feature.Tokens(nil, right)
		if len(to) == 0 {
			return fmt.Errorf("nothing behind ->")
		}
		if key := r.key(from); r.instead[key] == nil {
			r.instead[key] = to
			return nil
		}
		return fmt.Errorf("%q has two replacements", strings.TrimSpace(left))
	}
	if left, right, ok := strings.Cut(line, "=>"); ok {
		return r.relate(strings.Split(left, ","), strings.Split(right, ","), true)
	}
	all := strings.Split(line, ",")
	if len(all) < 2 {
		return fmt.Errorf("%q is no rule: want a, b or a => b or a -> b", line)
	}
	return r.relate(all, all, false)
}

// relate lets each on the right stand for each on the left.
func (r *Rules) relate(left, right []string, oneWay bool) error {
	for _, l := range left {
		from, err := phrase(l)
		if err != nil {
			return err
		}
		key := r.key(from)
		for _, other := range right {
			to, err := phrase(other)
			if err != nil {
				return err
			}
			if len(to) > 1 {
				if oneWay {
					return fmt.Errorf("%q is more than one word: several can only take the place of a word, with ->", strings.TrimSpace(other))
				}
				continue
			}
			if feature.Stem(to[0]) != key && !slices.Contains(r.others[key], to[0]) {
				r.others[key] = append(r.others[key], to[0])
			}
		}
	}
	return nil
}

// phrase takes a side of a rule apart.
func phrase(text string) ([]string, error) {
	words := feature.Tokens(nil, text)
	switch {
	case len(words) == 0:
		return nil, fmt.Errorf("a side of the rule has no word")
	case len(words) > maxWords:
		return nil, fmt.Errorf("%q has %d words, at most %d", strings.TrimSpace(text), len(words), maxWords)
	}
	return words, nil
}

func (r *Rules) key(words []string) string {
	r.longest = max(r.longest, len(words))
	return keyOf(words)
}

func keyOf(words []string) string {
	stems := make([]string, len(words))
	for i, w := range words {
		stems[i] = feature.Stem(w)
	}
	return strings.Join(stems, " ")
}

// Replace returns the words with the phrases that have a replacement replaced, the longest first, and whether there was any.
func (r *Rules) Replace(words []string) (replaced []string, ok bool) {
	if r == nil || len(r.instead) == 0 {
		return words, false
	}
	for i := 0; i < len(words); {
		taken := 0
		for n := min(r.longest, len(words)-i); n > 0; n-- {
			if to := r.instead[keyOf(words[i:i+n])]; to != nil {
				replaced, taken, ok = append(replaced, to...), n, true
				break
			}
		}
		if taken == 0 {
			replaced, taken = append(replaced, words[i]), 1
		}
		i += taken
	}
	return replaced, ok
}

// Each calls yield for each word that may stand for the phrase of so many words that begins at first.
func (r *Rules) Each(words []string, yield func(first, length int, other string)) {
	if r == nil {
		return
	}
	for i := range words {
		for n := min(r.longest, len(words)-i); n > 0; n-- {
			for _, other := range r.others[keyOf(words[i:i+n])] {
				yield(i, n, other)
			}
		}
	}
}
