package complete

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/haggle-commerce/haggle/services/recall/internal/numbers"
)

// phrase is something to complete to, in 20 bytes and those of its text. One without beginnings is a number that is not in use.
type phrase struct {
	// at is where its text stands in the texts, its folded form behind it unless that is the same.
	at uint32
	// uses are how many items have the phrase; of a query, which of asked it is.
	uses       uint32
	text, key  uint8
	kind       Kind
	begins     uint8
	beginnings [maxBeginnings]uint8
	// same says that the text is its own folded form.
	same bool
}

// size is how many bytes of the texts the phrase has.
func (p *phrase) size() int {
	if p.same {
		return int(p.text)
	}
	return int(p.text) + int(p.key)
}

// query is what is known of a phrase that shoppers asked.
type query struct {
	phrase uint32
	// uses are the decayed count of askers as of usedAt, in milliseconds since 1970.
	uses   float64
	usedAt int64
	// askers are hashes of the last shoppers who asked, count how many distinct ones were seen, at most minAskers.
	askers [minAskers]uint64
	count  uint8
}

// faded returns the uses as of now, in milliseconds since 1970.
func (q *query) faded(now int64) float64 {
	if now <= q.usedAt {
		return q.uses
	}
	return q.uses * math.Exp2(-float64(now-q.usedAt)/float64(halfLife/time.Millisecond))
}

// worth is a score at most, in eighths, rounded up. Scores end below 32: e^26 uses are more than a uint32 counts.
type worth uint8

const worthUnits = 8

func (w worth) most() float32 { return float32(w) / worthUnits }

// shelf holds the phrases by number, and finds the number of a text.
type shelf struct {
	phrases []phrase
	free    []uint32
	texts   texts
	// asked are the queries; free ones are known by their numbers in freeAsked.
	asked     []query
	freeAsked []uint32
	byKey     [4]numbers.Table
	seed      maphash.Seed
}

// key returns what a mark begins with: the folded text from its beginning on.
func (s *shelf) key(m mark) []byte {
	p := &s.phrases[m.phrase()]
	return s.folded(p)[p.beginnings[m.beginning()]:]
}

func (s *shelf) folded(p *phrase) []byte {
	b := s.texts.of(p.at, p.size())
	return b[len(b)-int(p.key):]
}

func (s *shelf) text(p *phrase) string { return string(s.texts.of(p.at, int(p.text))) }

// query returns what is known of a phrase that is one.
func (s *shelf) query(p *phrase) *query { return &s.asked[p.uses] }

// worth is what a mark is worth at most until its phrase is used more: a query fades.
func (s *shelf) worth(m mark) worth {
	p := &s.phrases[m.phrase()]
	return worth(math.Ceil(s.score(p, math.MinInt64, m.beginning() == 0) * worthUnits))
}

// score is higher for what is used more, for what people typed, and for a match at the very beginning. It is positive.
func (s *shelf) score(p *phrase, now int64, whole bool) float64 {
	score := 0.5
	switch p.kind {
	case Query:
		score = 3 + math.Log1p(s.query(p).faded(now))
	case Category:
		score = 1.5 + math.Log1p(float64(p.uses))
	case Brand:
		score = 1 + math.Log1p(float64(p.uses))
	}
	if whole {
		score++
	}
	return score
}

func (s *shelf) find(kind Kind, key string) (uint32, bool) {
	return s.byKey[kind].Find(maphash.String(s.seed, key), func(i uint32) bool { return string(s.folded(&s.phrases[i])) == key })
}

func (s *shelf) hash(i uint32) uint64 { return maphash.Bytes(s.seed, s.folded(&s.phrases[i])) }

// put gives a phrase that is not there a number: a free one, or the next.
func (s *shelf) put(kind Kind, text, key string) uint32 {
	i := uint32(len(s.phrases))
	if n := len(s.free); n > 0 {
		i, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.phrases = append(s.phrases, phrase{})
	}
	s.set(i, kind, text, key)
	if kind == Query {
		s.phrases[i].uses = s.ask(i)
	}
	return i
}

// set makes number i a phrase.
func (s *shelf) set(i uint32, kind Kind, text, key string) {
	p := phrase{text: uint8(len(text)), key: uint8(len(key)), kind: kind, same: text == key}
	p.begins = uint8(len(beginnings(p.beginnings[:0], key)))
	if p.same {
		key = ""
	}
	p.at = s.texts.add(text, key)
	s.phrases[i] = p
	s.byKey[kind].Add(s.hash(i), i, s.hash)
}

func (s *shelf) ask(i uint32) uint32 {
	if n := len(s.freeAsked); n > 0 {
		at := s.freeAsked[n-1]
		s.freeAsked = s.freeAsked[:n-1]
		s.asked[at] = query{phrase: i}
		return at
	}
	s.asked = append(s.asked, query{phrase: i})
	return uint32(len(s.asked) - 1)
}

// drop frees the number of a phrase.
func (s *shelf) drop(i uint32) {
	p := &s.phrases[i]
	s.byKey[p.kind].Remove(s.hash(i), i, s.hash)
	s.texts.remove(p.at, p.size())
	if p.kind == Query {
		s.asked[p.uses] = query{}
		s.freeAsked = append(s.freeAsked, p.uses)
	}
	*p = phrase{}
	s.free = append(s.free, i)
}

func (s *shelf) bytes() int {
	n := 20*cap(s.phrases) + 4*cap(s.free) + 64*cap(s.asked) + 4*cap(s.freeAsked) + s.texts.bytes()
	for i := range s.byKey {
		n += s.byKey[i].Bytes()
	}
	return n
}
