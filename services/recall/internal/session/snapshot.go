package session

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends the window.
func (x *Index) AppendBinary(dst []byte) []byte {
	dst = pack.AppendUint(dst, uint64(x.params.Sessions))
	dst = pack.AppendUint(dst, uint64(x.last))
	dst = pack.AppendList(dst, x.numbers)
	for place := range x.stays {
		st := &x.stays[place]
		dst = pack.AppendText(dst, string(st.id))
		dst = pack.AppendUint(dst, uint64(len(st.items)))
		for _, s := range st.items {
			dst = pack.AppendUint(dst, uint64(s))
		}
	}
	dst = pack.AppendUint(dst, uint64(len(x.visits)))
	for _, list := range x.visits {
		dst = pack.AppendList(dst, list)
	}
	return dst
}

// Restore fills an empty index with what [Index.AppendBinary] wrote for a window of the same size. Size is a number above every
// slot. Its errors wrap [pack.ErrBroken].
func (x *Index) Restore(b []byte, size int) error {
	r := pack.Read(b)
	if n := r.Uint(); n != uint64(x.params.Sessions) {
		r.Fail("a window of %d sessions, not %d", n, x.params.Sessions)
	}
	x.last = uint32(r.Below(1 << 32))
	numbers := pack.List[uint32](r)
	if len(numbers) > x.params.Sessions {
		r.Fail("%d sessions in a window of %d", len(numbers), x.params.Sessions)
	}
	if r.Err() != nil {
		return r.Err()
	}
	x.numbers = numbers
	counts := make([]uint32, size)
	for place, number := range numbers {
		st := stay{id: shop.SessionID(r.Text())}
		for range r.Count(1) {
			st.items = append(st.items, catalogue.Slot(r.Below(size)))
		}
		switch _, twice := x.byID[st.id]; {
		case r.Err() != nil:
			return r.Err()
		case number != 0 && (twice || int(number)%x.params.Sessions != place || number > x.last || len(st.items) > x.params.Length):
			r.Fail("session %d at place %d: of another place, there twice, or too long", number, place)
			return r.Err()
		}
		x.stays = append(x.stays, st)
		if number == 0 {
			continue
		}
		x.byID[st.id] = number
		for _, s := range st.items {
			counts[s]++
		}
	}
	x.visits = make([][]uint32, 0, r.Count(1))
	for range cap(x.visits) {
		x.visits = append(x.visits, pack.List[uint32](r))
	}
	if len(x.visits) > size || len(x.numbers) == 0 && slices.ContainsFunc(x.visits, func(l []uint32) bool { return len(l) > 0 }) {
		r.Fail("visits of %d items, the catalogue has %d", len(x.visits), size)
		return r.Err()
	}
	for s := len(x.visits); s < size; s++ {
		if counts[s] > 0 {
			r.Fail("an item without visits stands in a session")
			return r.Err()
		}
	}
	x.counts = counts[:len(x.visits)]
	for _, list := range x.visits {
		for _, number := range list {
			// Places that are not given out yet hold no session of that number.
			if int(number)%x.params.Sessions >= len(x.numbers) {
				r.Fail("a visit of session %d, which never was", number)
				return r.Err()
			}
		}
	}
	return r.End()
}
