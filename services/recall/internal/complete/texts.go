package complete

// Sizes of the memory of texts: places are counted in units, so that 4 bytes name one of 16 GiB.
const (
	unit = 4
	// pageUnits is how many units one piece of memory has, mostUnits how many a text and its folded form take at most: folding makes two
	// bytes three at most.
	pageUnits = 1 << 14
	mostUnits = (MaxPhrase + MaxPhrase*3/2 + unit - 1) / unit
)

// texts are the bytes of phrases, one behind the other in pages. The place of one that is gone is kept for the next of its length.
type texts struct {
	pages [][]byte
	// next is where the free end of the last page begins.
	next uint32
	free [mostUnits + 1][]uint32
}

func unitsOf(n int) uint32 { return uint32(n+unit-1) / unit }

// of returns the n bytes at a place. They are the texts' own.
func (t *texts) of(at uint32, n int) []byte {
	from := at % pageUnits * unit
	return t.pages[at/pageUnits][from : from+uint32(n)]
}

// add keeps the bytes of both, one behind the other, and returns their place.
func (t *texts) add(a, b string) uint32 {
	at := t.place(unitsOf(len(a) + len(b)))
	to := t.of(at, len(a)+len(b))
	copy(to, a)
	copy(to[len(a):], b)
	return at
}

// remove gives back the place of n bytes.
func (t *texts) remove(at uint32, n int) {
	units := unitsOf(n)
	t.free[units] = append(t.free[units], at)
}

func (t *texts) place(units uint32) uint32 {
	if free := t.free[units]; len(free) > 0 {
		at := free[len(free)-1]
		t.free[units] = free[:len(free)-1]
		return at
	}
	end := uint32(len(t.pages)) * pageUnits
	if t.next+units > end {
		if rest := end - t.next; rest > 0 && rest <= mostUnits {
			t.free[rest] = append(t.free[rest], t.next)
		}
		t.pages = append(t.pages, make([]byte, pageUnits*unit))
		t.next = end
	}
	at := t.next
	t.next += units
	return at
}

func (t *texts) bytes() int {
	n := len(t.pages) * (pageUnits*unit + 24)
	for _, free := range t.free {
		n += 4 * cap(free)
	}
	return n
}
