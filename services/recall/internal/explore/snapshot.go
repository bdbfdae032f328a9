package explore

import (
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends what was counted.
func (b *Book) AppendBinary(dst []byte) []byte {
	dst = pack.AppendUint(dst, flag(b.told))
	dst = pack.AppendUint(dst, uint64(len(b.counts)))
	for _, c := range b.counts {
		dst = pack.AppendUint(pack.AppendUint(pack.AppendUint(dst, uint64(c.shown)), uint64(c.wanted)), flag(c.cold))
	}
	return dst
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

// Restore fills an empty book with what [Book.AppendBinary] wrote of the items of a catalogue with size slots. Its errors wrap [pack.ErrBroken].
func (b *Book) Restore(from []byte, size int) error {
	r := pack.Read(from)
	b.told = r.Below(2) == 1
	n := r.Count(3)
	if n > size {
		r.Fail("counts of %d items, the catalogue has %d", n, size)
		return r.Err()
	}
	b.counts = make([]count, n)
	for s := range catalogue.Slot(n) {
		c := count{shown: uint8(r.Below(knownShown + 1)), wanted: uint8(r.Below(knownWanted + 1))}
		cold := r.Below(2) == 1
		if cold && c.known() {
			r.Fail("an item that is known is cold")
		}
		if r.Err() != nil {
			return r.Err()
		}
		b.counts[s] = c
		if cold {
			b.Put(s)
		}
	}
	return r.End()
}
