package lexical

import "math/bits"

// ladder counts scores by steps, so that the score which the best surely have is known as soon as enough have been seen, before any of them
// is chosen. The zero value is to be reset.
type ladder struct {
	counts [1 << stepBits]int32
	shift  int
	// floor is the highest step that limit scores stand on or above, as far as it was climbed; above counts those.
	floor, above, limit int
}

const stepBits = 9

// found is a living document of a window.
type found struct{ doc, score uint32 }

// reset forgets all scores. None of those that follow is above most.
func (l *ladder) reset(limit int, most uint32) {
	*l = ladder{limit: max(1, limit), shift: max(0, bits.Len32(most)-stepBits)}
}

func (l *ladder) add(score uint32) {
	step := int(score >> l.shift)
	l.counts[step&(1<<stepBits-1)]++
	// Without a branch: whether a score is above the floor nobody can foresee.
	l.above += int(uint((l.floor-step-1)>>63) & 1)
}

// climb returns a score that limit scores have or exceed; 0 while there are fewer.
func (l *ladder) climb() (score uint32) {
	for next := l.above - int(l.counts[l.floor]); next >= l.limit; next = l.above - int(l.counts[l.floor]) {
		l.above = next
		l.floor++
	}
	return uint32(l.floor) << l.shift
}
