package catalogue

// Sizes of the memory of rows.
const (
	rowPage = 1 << 12
	mostRow = 255
)

// rows are the groups of each item, by slot. They lie one behind the other in pages; a row that changes its length moves, and
// its place is kept for the next of that length.
type rows struct {
	at    []uint32
	n     []uint8
	pages [][]uint32
	// next is where the free end of the last page begins.
	next uint32
	free [mostRow + 1][]uint32
}

// grow makes room for one more item, without groups.
func (r *rows) grow() {
	r.at, r.n = append(r.at, 0), append(r.n, 0)
}

// of returns the groups of an item, by the number of their key. They belong to the rows.
func (r *rows) of(s Slot) []uint32 {
	n := uint32(r.n[s])
	if n == 0 {
		return nil
	}
	at := r.at[s]
	page := r.pages[at/rowPage]
	return page[at%rowPage : at%rowPage+n]
}

// set makes groups the row of an item, the first mostRow of them.
func (r *rows) set(s Slot, groups []uint32) {
	groups = groups[:min(len(groups), mostRow)]
	if old := r.n[s]; int(old) != len(groups) {
		if old > 0 {
			r.free[old] = append(r.free[old], r.at[s])
		}
		r.at[s], r.n[s] = r.place(uint32(len(groups))), uint8(len(groups))
	}
	copy(r.of(s), groups)
}

// place finds room for n groups.
func (r *rows) place(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	if free := r.free[n]; len(free) > 0 {
		at := free[len(free)-1]
		r.free[n] = free[:len(free)-1]
		return at
	}
	end := uint32(len(r.pages)) * rowPage
	if r.next+n > end {
		if rest := end - r.next; rest > 0 {
			r.free[rest] = append(r.free[rest], r.next)
		}
		r.pages = append(r.pages, make([]uint32, rowPage))
		r.next = end
	}
	at := r.next
	r.next += n
	return at
}

func (r *rows) bytes() int {
	n := 4*cap(r.at) + cap(r.n) + 4*rowPage*len(r.pages)
	for _, free := range r.free {
		n += 4 * cap(free)
	}
	return n
}
