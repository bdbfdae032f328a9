package history

import (
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends what is remembered, the shopper first who was heard of longest ago.
func (b *Book) AppendBinary(dst []byte) []byte {
	dst = pack.AppendUint(dst, uint64(len(b.at)))
	for i := b.oldest; i != 0; i = b.shoppers[i].newer {
		p := &b.shoppers[i]
		dst = pack.AppendText(dst, string(p.id))
		for _, touches := range [][]Touch{p.Recent, p.Bought} {
			dst = pack.AppendUint(dst, uint64(len(touches)))
			for _, t := range touches {
				dst = pack.AppendUint(dst, uint64(t.Slot))
				dst = append(dst, byte(t.Kind))
				dst = pack.AppendUint(dst, uint64(t.Count))
				dst = pack.AppendUint(dst, uint64(t.At))
			}
		}
	}
	return dst
}

// Restore fills an empty book with what [Book.AppendBinary] wrote: of more shoppers than it takes the latest. Size is a number
// above every slot. Its errors wrap [pack.ErrBroken].
func (b *Book) Restore(from []byte, size int) error {
	r := pack.Read(from)
	for range r.Count(3) {
		id := shop.ShopperID(r.Bytes())
		if _, ok := b.at[id]; ok {
			r.Fail("a shopper is there twice")
		}
		if r.Err() != nil {
			return r.Err()
		}
		i := b.newestOf(id)
		b.shoppers[i].Recent = readTouches(r, size, MaxRecent)
		b.shoppers[i].Bought = readTouches(r, size, MaxBought)
	}
	return r.End()
}

func readTouches(r *pack.Reader, size, most int) []Touch {
	n := r.Count(4)
	if n > most {
		r.Fail("a shopper touched %d items, at most %d are kept", n, most)
		return nil
	}
	if n == 0 {
		return nil
	}
	touches := make([]Touch, n)
	for i := range touches {
		touches[i] = Touch{Slot: catalogue.Slot(r.Below(size)), Kind: Kind(r.Below(int(Bought) + 1)), Count: uint16(r.Below(1 << 16)), At: int64(r.Uint())}
	}
	return touches
}
