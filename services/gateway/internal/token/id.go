package token

import (
	"encoding/binary"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// ID is a request id in binary: 48 bits of milliseconds and 80 random ones, as in a ULID.
type ID [16]byte

// NewID returns the id of a request that came at now; random is 80 random bits in its low bytes.
func NewID(now time.Time, random [2]uint64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16|random[0]&0xffff)
	binary.BigEndian.PutUint64(id[8:], random[1])
	return id
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// String returns the id as 26 characters of Crockford's base 32, which sort by time.
func (id ID) String() string {
	var text [26]byte
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := 25; i >= 0; i-- {
		text[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(text[:])
}

// Request returns the id in the vocabulary of the shop.
func (id ID) Request() shop.RequestID { return shop.RequestID(id.String()) }
