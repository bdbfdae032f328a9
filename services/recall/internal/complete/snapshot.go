package complete

import (
	"math"
	"time"

	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
)

// AppendBinary appends the phrases, each under its number.
func (b *Book) AppendBinary(dst []byte) []byte {
	dst = pack.AppendUint(dst, uint64(len(b.phrases)))
	for i := range b.phrases {
		p := &b.phrases[i]
		dst = pack.AppendText(dst, p.text)
		if p.text == "" {
			continue // a number that is not in use
		}
		dst = pack.AppendUint(dst, uint64(p.kind))
		dst = pack.AppendFloat(dst, p.uses)
		if p.kind == Query {
			dst = pack.AppendUint(dst, uint64(p.usedAt.UnixNano()))
			dst = pack.AppendList(dst, p.askers[:p.askerCount])
		}
	}
	return dst
}

// Restore fills an empty book with what [Book.AppendBinary] wrote. Its errors wrap [pack.ErrBroken].
func (b *Book) Restore(from []byte) error {
	r := pack.Read(from)
	for range r.Count(1) {
		text := r.Text()
		if text == "" {
			b.free = append(b.free, uint32(len(b.phrases)))
			b.phrases = append(b.phrases, phrase{})
			continue
		}
		kind, uses := Kind(r.Below(int(Title)+1)), r.Float()
		// A number that is free now would be given out: the next phrase has to be the next number.
		free := b.free
		b.free = nil
		next := uint32(len(b.phrases))
		i, ok := b.intern(kind, text)
		b.free = free
		if !ok || i != next || math.IsNaN(uses) || math.IsInf(uses, 0) || uses < 0 {
			r.Fail("a phrase is empty or there twice, or used %v times", uses)
		}
		if r.Err() != nil {
			return r.Err()
		}
		p := &b.phrases[i]
		p.uses = uses
		if kind == Query {
			p.usedAt = time.Unix(0, int64(r.Uint()))
			askers := pack.List[uint64](r)
			if len(askers) > minAskers {
				r.Fail("a query with %d askers", len(askers))
				return r.Err()
			}
			p.askerCount = copy(p.askers[:], askers)
		}
		b.raise(i)
	}
	return r.End()
}

// Has reports whether a phrase has that number.
func (b *Book) Has(i uint32) bool { return int(i) < len(b.phrases) && b.phrases[i].text != "" }
