package lexical

import (
	"cmp"
	"slices"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/segment"
)

// Segments are merged by tiers: a tier is all parts of up to mergeAtOnce times as many living items as the tier below, and is merged
// when it has mergeAtOnce parts. So an item is written anew once per tier, and a search goes through less than mergeAtOnce parts per
// tier. Four halves the parts of eight for a third more writing.
const mergeAtOnce = 4

// A part of which more than maxDead is dead is written anew: the dead cost room and time until then.
const maxDead = 0.4

// Job is work that [Index.Work] handed out: one new segment to be made of several parts.
type Job struct {
	from []*part
	// dead are those of each part when the job was handed out.
	dead   []catalogue.Bits
	made   *segment.Segment
	failed error
}

// Items returns how many items the job is about, as a measure of how long it takes: some 10 us each.
func (j *Job) Items() int {
	n := 0
	for _, p := range j.from {
		n += p.docs()
	}
	return n
}

// Run does the work. It may take seconds, and may be called while the index is read and written.
func (j *Job) Run() {
	var parts []segment.Part
	for i, p := range j.from {
		part := segment.Part{Source: p.segment, Dead: j.dead[i]}
		if p.head != nil {
			part.Source = p.head.order()
		}
		parts = append(parts, part)
	}
	b, err := segment.Build(parts)
	if err == nil && b != nil {
		j.made, err = segment.Open(b)
	}
	j.failed = err
}

// Work returns work that would make searches faster or memory smaller, or nil. What is returned has to be run and then installed; until
// then other work may be taken and run at the same time.
func (x *Index) Work() *Job {
	var idle []*part
	for _, p := range x.parts {
		if !p.busy {
			idle = append(idle, p)
		}
	}
	slices.SortStableFunc(idle, func(a, b *part) int { return cmp.Compare(a.alive, b.alive) })
	from := x.chooseTier(idle)
	if from == nil {
		from = chooseHeads(idle)
	}
	for i := 0; from == nil && i < len(idle); i++ {
		if p := idle[i]; float64(p.docs()-p.alive) > maxDead*float64(p.docs()) {
			from = idle[i : i+1]
		}
	}
	if from == nil {
		return nil
	}
	return x.take(from)
}

// chooseTier returns the parts of the smallest tier that is full, with all that are smaller.
func (x *Index) chooseTier(idle []*part) []*part {
	bound, begin := x.smallest*2, 0
	for begin < len(idle) {
		end := begin
		for end < len(idle) && idle[end].alive < bound {
			end++
		}
		if end-begin >= mergeAtOnce {
			return idle[:end]
		}
		begin, bound = end, bound*mergeAtOnce
	}
	return nil
}

// chooseHeads returns the sealed heads, which become segments as they are.
func chooseHeads(idle []*part) []*part {
	for i, p := range idle {
		if p.head != nil {
			return idle[i : i+1]
		}
	}
	return nil
}

func (x *Index) take(from []*part) *Job {
	j := &Job{from: slices.Clone(from)}
	for _, p := range j.from {
		p.busy = true
		j.dead = append(j.dead, slices.Clone(p.dead))
	}
	return j
}

// Backlog returns how many sealed heads wait to become segments. Searches get slower with each.
func (x *Index) Backlog() int {
	n := 0
	for _, p := range x.parts {
		if p.head != nil {
			n++
		}
	}
	return n
}

// Install puts the segment that the job made in the place of the parts that it was made of. What died meanwhile is dead in it too. An
// error says that the job failed; then everything stays as it was, and the parts are not tried again.
func (x *Index) Install(j *Job) error {
	if j.failed != nil {
		return j.failed
	}
	var made *part
	if j.made != nil {
		made = newSegmentPart(j.made)
		for i, p := range j.from {
			buryLate(made, p, j.dead[i])
		}
	}
	for _, p := range j.from {
		x.drop(p)
	}
	if made != nil && made.alive > 0 {
		x.parts = append(x.parts, made)
	}
	return nil
}

// buryLate kills in made what died in p since dead was copied.
func buryLate(made, p *part, dead catalogue.Bits) {
	for i, now := range p.dead {
		if i < len(dead) {
			now &^= dead[i]
		}
		for s := range (catalogue.Bits{now}).All {
			if doc, ok := made.find(p.slot(uint32(i*64) + uint32(s))); ok {
				made.kill(doc)
			}
		}
	}
}

// Compact does all work there is at once, and leaves one segment. It is for the end of a load and for tests; readers have to wait.
func (x *Index) Compact() error {
	x.seal()
	if len(x.parts) == 0 || (len(x.parts) == 1 && x.parts[0].head == nil && x.parts[0].alive == x.parts[0].docs()) {
		return nil
	}
	j := x.take(x.parts)
	j.Run()
	return x.Install(j)
}
