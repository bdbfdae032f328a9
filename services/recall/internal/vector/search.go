package vector

import (
	"math"
	"math/bits"
	"slices"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

const (
	// chunkRows is how many rows are scanned with one threshold.
	chunkRows = 1024
	// rowsPerLookUp is how many rows are scanned in the time that one allowed item is looked up and scored as int16: on 1M x 64 on
	// Zen 5, whose other cores are busy, 8 ns against 34 ns.
	rowsPerLookUp = 5
	// rowsAhead is how many rows are asked for before they are scored, askedAtOnce how many of a look-up, both
	// chosen by trial. listAhead is how many bytes of the next list are asked for before it is scanned; what
	// is behind them the processor sees coming by itself.
	rowsAhead   = 12
	askedAtOnce = 16
	listAhead   = 4096
)

// Scratch is the memory of a search, kept for the next. The zero value is ready.
type Scratch struct {
	query kernel.Query
	// fine times scale is what is searched for, brought to length 1.
	fine    []int16
	scale   float64
	hits    kernel.Hits
	nearest chosen
	found   chosen
	entries []top.Entry
	// asked are items whose rows are on their way from memory.
	asked []catalogue.Slot
	// Scanned says how many rows the last search read as int8, and Scored how many as int16.
	Scanned, Scored int
}

// Search returns the k items of allowed, nil for all, whose vectors lie nearest to x, the nearest first, with their cosines; none
// when x has another length than the vectors or no direction. The entries are the scratch's until the next search.
//
// It is exact where all items are scanned, and where the filter leaves so few that looking them up is cheaper than scanning the
// lists that would be needed to find k of them. Exact means by int16: vectors of 64 numbers have cosines to within about 1e-5. A
// scan ranks by int8 first and scores half as many again as are asked for by int16.
func (ix *Index) Search(s *Scratch, x []float32, k int, allowed catalogue.Bits) []top.Entry {
	s.Scanned, s.Scored, s.entries = 0, 0, s.entries[:0]
	if k <= 0 || !ix.Aim(s, x) {
		return nil
	}
	possible := ix.Len()
	if allowed != nil {
		possible = min(possible, allowed.Count())
	}
	k = min(k, possible)
	if k == 0 {
		return nil
	}
	probes := len(ix.lists.all)
	if probes > 1 {
		probes = ix.lists.probes(int(math.Ceil(float64(k) * float64(ix.Len()) / float64(possible))))
	}
	if reads := float64(ix.Len()) * float64(probes) / float64(len(ix.lists.all)); float64(possible*rowsPerLookUp) <= reads {
		ix.lookUp(s, k, allowed)
	} else {
		s.query.Set(x)
		ix.scan(s, k, probes, allowed)
		if len(s.entries) < k && allowed != nil {
			ix.lookUp(s, k, allowed)
		}
	}
	slices.SortFunc(s.entries, top.Compare)
	s.entries = s.entries[:min(k, len(s.entries))]
	for i := range s.entries {
		s.entries[i].Score *= s.scale
	}
	return s.entries
}

// Aim makes x what [Index.Cosine] compares with. It reports false when x has another length than the vectors or no direction.
func (ix *Index) Aim(s *Scratch, x []float32) bool {
	if ix.Len() == 0 || len(x) != ix.dims {
		return false
	}
	s.fine = slices.Grow(s.fine[:0], len(ix.fine))[:len(ix.fine)]
	clear(s.fine)
	scale, ok := quantize16(s.fine[:ix.dims], x)
	s.scale = float64(scale)
	return ok
}

// Cosine returns the cosine of an item's vector and what was aimed at, by int16; 0 when the item has none.
func (ix *Index) Cosine(s *Scratch, slot catalogue.Slot) float64 {
	if !ix.rows.has(slot) {
		return 0
	}
	codes, scale := ix.rows.get(slot)
	return float64(kernel.DotInt16(codes, s.fine)) * float64(scale) * s.scale
}

// lookUp scores every allowed item as int16.
func (ix *Index) lookUp(s *Scratch, k int, allowed catalogue.Bits) {
	s.found.reset(k, ix.o.Tie)
	if allowed == nil {
		ix.rows.all(0, func(slot catalogue.Slot) bool { ix.ask(s, slot); return true })
	} else {
		for i, word := range allowed {
			for ; word != 0; word &= word - 1 {
				if slot := catalogue.Slot(i<<6 + bits.TrailingZeros64(word)); ix.rows.has(slot) {
					ix.ask(s, slot)
				}
			}
		}
	}
	ix.score(s)
	s.entries = s.found.into(s.entries[:0])
}

// ask asks for the row of an item and scores it with some others.
func (ix *Index) ask(s *Scratch, slot catalogue.Slot) {
	codes, _ := ix.rows.get(slot)
	kernel.Prefetch(codes)
	s.asked = append(s.asked, slot)
	if len(s.asked) == askedAtOnce {
		ix.score(s)
	}
}

// score scores the rows that were asked for.
func (ix *Index) score(s *Scratch) {
	for _, slot := range s.asked {
		codes, scale := ix.rows.get(slot)
		score := float64(kernel.DotInt16(codes, s.fine)) * float64(scale)
		// Equal ones are offered too: the tie may decide for them.
		if float32(score) >= s.found.threshold {
			s.found.offer(score, slot)
		}
	}
	s.Scored += len(s.asked)
	s.asked = s.asked[:0]
}

// scan ranks the rows of the nearest lists as int8 and scores the best of them as int16.
func (ix *Index) scan(s *Scratch, k, probes int, allowed catalogue.Bits) {
	s.hits.Rows = slices.Grow(s.hits.Rows[:0], chunkRows)[:chunkRows]
	s.hits.Scores = slices.Grow(s.hits.Scores[:0], chunkRows)[:chunkRows]
	s.found.reset(k+k/2+16, ix.o.Tie)
	if len(ix.lists.all) == 1 {
		ix.scanList(s, &ix.lists.all[0], allowed)
	} else {
		ix.lists.rank(s, probes)
		for i, c := range s.nearest.kept {
			if i+1 < len(s.nearest.kept) {
				ix.lists.all[s.nearest.kept[i+1].slot].prefetch()
			}
			ix.scanList(s, &ix.lists.all[c.slot], allowed)
		}
	}
	s.found.cut()
	for i, c := range s.found.kept {
		// Rows lie anywhere in memory: several are on their way at once.
		if ahead := i + rowsAhead; ahead < len(s.found.kept) {
			codes, _ := ix.rows.get(s.found.kept[ahead].slot)
			kernel.Prefetch(codes)
		}
		codes, scale := ix.rows.get(c.slot)
		score := float64(kernel.DotInt16(codes, s.fine)) * float64(scale)
		s.entries = append(s.entries, top.Entry{Score: score, Tie: ix.o.Tie(c.slot), Slot: c.slot})
	}
	s.Scored += len(s.found.kept)
}

// rank sets nearest to so many lists, the nearest first: what is near raises the threshold for the rest.
func (l *lists) rank(s *Scratch, probes int) {
	s.nearest.reset(probes, func(slot catalogue.Slot) uint64 { return uint64(slot) })
	for from := 0; from < l.centroids.Rows(); from += chunkRows {
		to := min(from+chunkRows, l.centroids.Rows())
		n := kernel.Scan(s.hits, l.centroids.Part(from, to), s.query, s.nearest.threshold)
		for i := range n {
			s.nearest.offer(float64(s.hits.Scores[i]), catalogue.Slot(from)+catalogue.Slot(s.hits.Rows[i]))
		}
	}
	s.nearest.cut()
	slices.SortFunc(s.nearest.kept, s.nearest.compare)
}

func (ix *Index) scanList(s *Scratch, at *list, allowed catalogue.Bits) {
	filled := at.filled()
	for from := 0; from < filled.Rows(); from += chunkRows {
		to := min(from+chunkRows, filled.Rows())
		n := kernel.Scan(s.hits, filled.Part(from, to), s.query, s.found.threshold)
		for i, row := range s.hits.Rows[:n] {
			slot := at.slots[from+int(row)]
			if allowed == nil || allowed.Has(slot) {
				s.found.offer(float64(s.hits.Scores[i]), slot)
			}
		}
	}
	s.Scanned += len(at.slots)
}
