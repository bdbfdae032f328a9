package vector

import (
	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// slabRows is how many rows are allocated at once.
const slabRows = 1024

// rows are the vectors by slot, as int16 with a scale each. A scale of 0 says that there is none.
type rows struct {
	dims   int
	count  int
	slabs  [][]int16
	scales []float32
}

func (r *rows) has(s catalogue.Slot) bool { return int(s) < len(r.scales) && r.scales[s] != 0 }

func (r *rows) get(s catalogue.Slot) (codes []int16, scale float32) {
	at := int(s) % slabRows * r.dims
	return r.slabs[s/slabRows][at : at+r.dims : at+r.dims], r.scales[s]
}

func (r *rows) put(s catalogue.Slot, codes []int16, scale float32) {
	if slab := int(s) / slabRows; slab >= len(r.slabs) {
		r.slabs = append(r.slabs, make([][]int16, slab+1-len(r.slabs))...)
		r.scales = append(r.scales, make([]float32, len(r.slabs)*slabRows-len(r.scales))...)
	}
	if r.slabs[s/slabRows] == nil {
		r.slabs[s/slabRows] = make([]int16, slabRows*r.dims)
	}
	if r.scales[s] == 0 {
		r.count++
	}
	r.scales[s] = scale
	to, _ := r.get(s)
	copy(to, codes)
}

func (r *rows) delete(s catalogue.Slot) {
	r.scales[s] = 0
	r.count--
}

// narrow writes the row of an item as int8 and returns the scale. Wide is room for it.
func (r *rows) narrow(s catalogue.Slot, wide []float32, codes []int8) (scale float32) {
	fine, scale := r.get(s)
	for i, c := range fine {
		wide[i] = float32(c)
	}
	return kernel.Quantize(codes, wide) * scale
}

// all yields the slots that have a row, from on, in rising order.
func (r *rows) all(from catalogue.Slot, yield func(catalogue.Slot) bool) {
	for s := int(from); s < len(r.scales); s++ {
		if r.scales[s] != 0 && !yield(catalogue.Slot(s)) {
			return
		}
	}
}

func (r *rows) bytes() int {
	n := 4*cap(r.scales) + 24*cap(r.slabs)
	for _, slab := range r.slabs {
		n += 2 * cap(slab)
	}
	return n
}
