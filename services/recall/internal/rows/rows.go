// Package rows keeps a short list of numbers for each item.
package rows

// Most is how many numbers a row has at most.
const Most = 255

// pageSize is how many numbers one piece of memory holds.
const pageSize = 1 << 12

// Rows are the lists of all items, by number. They lie one behind the other in pages; a row that changes its length moves, and
// its place is kept for the next of that length.
type Rows struct {
	at    []uint32
	n     []uint8
	pages [][]uint32
	// next is where the free end of the last page begins.
	next uint32
	free [Most + 1][]uint32
}

// Grow makes room for one more item, without numbers.
func (r *Rows) Grow() {
	r.at, r.n = append(r.at, 0), append(r.n, 0)
}

// Len returns how many items have a row.
func (r *Rows) Len() int { return len(r.n) }

// Reserve makes room for the rows of n items, of rows that are empty.
func (r *Rows) Reserve(n int) {
	r.at, r.n = make([]uint32, 0, n), make([]uint8, 0, n)
}

// Of returns the row of an item. It belongs to the rows.
func (r *Rows) Of(s uint32) []uint32 {
	n := uint32(r.n[s])
	if n == 0 {
		return nil
	}
	at := r.at[s]
	page := r.pages[at/pageSize]
	return page[at%pageSize : at%pageSize+n]
}

// Set makes list the row of an item, the first Most of it.
func (r *Rows) Set(s uint32, list []uint32) {
	list = list[:min(len(list), Most)]
	if old := r.n[s]; int(old) != len(list) {
		if old > 0 {
			r.free[old] = append(r.free[old], r.at[s])
		}
		r.at[s], r.n[s] = r.place(uint32(len(list))), uint8(len(list))
	}
	copy(r.Of(s), list)
}

// place finds room for n numbers.
func (r *Rows) place(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	if free := r.free[n]; len(free) > 0 {
		at := free[len(free)-1]
		r.free[n] = free[:len(free)-1]
		return at
	}
	end := uint32(len(r.pages)) * pageSize
	if r.next+n > end {
		if rest := end - r.next; rest > 0 {
			r.free[rest] = append(r.free[rest], r.next)
		}
		r.pages = append(r.pages, make([]uint32, pageSize))
		r.next = end
	}
	at := r.next
	r.next += n
	return at
}

// Bytes is the memory of the rows.
func (r *Rows) Bytes() int {
	n := 4*cap(r.at) + cap(r.n) + 4*pageSize*len(r.pages)
	for _, free := range r.free {
		n += 4 * cap(free)
	}
	return n
}
