package lexical

import (
	"encoding/binary"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// nearMost is the greatest distance of two words that says anything.
const nearMost = 5

// nearGap is what lies between texts that do not follow one another.
const nearGap = nearMost + 1

// Near raises the scores of the first n of the best items of the last search where words that follow one another in the query stand near
// one another, and puts these n in order again: those behind them stay where they are, for to read a text takes longer than to find it.
//
// Each pair of words adds share * min(idf, idf) * (k1 + 1) * near / (k1 + near), where near is the sum over all places where both stand
// in one text of 1 / distance^2 (Y. Rasolofo, J. Savoy, "Term proximity scoring for keyword-based retrieval systems", ECIR 2003,
// equations 3 to 5). Words that stand side by side in the order of the query have a distance of 1, in the other order one more. Optional
// words make no pair.
func (x *Index) Near(sc *Scratch, n int, share float64) {
	n = min(n, len(sc.Best))
	sc.pairs()
	if len(sc.near) == 0 || n == 0 {
		return
	}
	raised := false
	for i := range sc.Best[:n] {
		e := &sc.Best[i]
		p, doc := x.find(e.Slot)
		if p == nil {
			continue
		}
		sc.codesOf(p)
		sc.pass(p.stream(doc))
		for j := range sc.near {
			if pair := &sc.near[j]; pair.near > 0 {
				k1 := float64(x.params.K1)
				e.Score += share * pair.idf * (k1 + 1) * pair.near / (k1 + pair.near)
				raised = true
			}
		}
	}
	if raised {
		slices.SortFunc(sc.Best[:n], top.Compare)
	}
}

// pair is two words that follow one another in the query.
type pair struct {
	idf, near float64
}

// met is a word of the query in one text: the codes of its forms, and where it stood last.
type met struct {
	word  int
	codes []uint64
	at    int
}

// pairs sets met to the words of the last search and near to their pairs.
func (sc *Scratch) pairs() {
	sc.near, sc.met = sc.near[:0], sc.met[:0]
	last := 0.0
	for i := range sc.words {
		w := &sc.words[i]
		if w.optional {
			continue
		}
		most := uint32(0)
		for j := w.begin; j < w.end; j++ {
			most = max(most, sc.forms[j].factor)
		}
		idf := float64(most) / scale
		if len(sc.met) > 0 {
			sc.near = append(sc.near, pair{idf: min(idf, last)})
		}
		last = idf
		if len(sc.met) < cap(sc.met) {
			sc.met = sc.met[:len(sc.met)+1]
		} else {
			sc.met = append(sc.met, met{})
		}
		sc.met[len(sc.met)-1].word = i
	}
}

// codesOf looks up what the words are in the streams of a part.
func (sc *Scratch) codesOf(p *part) {
	for i := range sc.met {
		m := &sc.met[i]
		m.codes = m.codes[:0]
		for j := sc.words[m.word].begin; j < sc.words[m.word].end; j++ {
			if f := &sc.forms[j]; f.part == p {
				m.codes = append(m.codes, p.code(f.term))
			}
		}
	}
}

// pass reads a text and sums up how near the words of each pair stand.
func (sc *Scratch) pass(stream []byte) {
	for i := range sc.near {
		sc.near[i].near = 0
	}
	for i := range sc.met {
		sc.met[i].at = -nearGap
	}
	at, stays := 0, false
	for len(stream) > 0 {
		code, n := binary.Uvarint(stream)
		stream = stream[n:]
		switch {
		case code == segment.Beside:
			stays = true
			continue
		case code < segment.FirstWord:
			at += nearGap
			continue
		case !stays:
			at++
		}
		stays = false
		for i := range sc.met {
			if slices.Contains(sc.met[i].codes, code) {
				sc.meet(i, at)
			}
		}
	}
}

// meet notes that word i stands at a place.
func (sc *Scratch) meet(i, at int) {
	sc.met[i].at = at
	if i > 0 {
		sc.near[i-1].add(at - sc.met[i-1].at)
	}
	if i < len(sc.near) {
		sc.near[i].add(at - sc.met[i+1].at + 1)
	}
}

func (p *pair) add(distance int) {
	if distance >= 1 && distance <= nearMost {
		p.near += 1 / float64(distance*distance)
	}
}
