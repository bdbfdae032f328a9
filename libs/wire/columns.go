package wire

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Names of the columns that recall fills in a [Columns], each a score of one channel; 0 means that the channel did not
// offer the item. ColumnScore is the blended score that gives recall's order.
const (
	ColumnScore    = "score"
	ColumnLexical  = "lexical"
	ColumnTogether = "together"
	ColumnSession  = "session"
	ColumnTrending = "trending"
	ColumnSimilar  = "similar"
	ColumnAgain    = "again"
	ColumnVector   = "vector"
)

// MaxCandidates is how many candidates one message may hold.
const MaxCandidates = 10_000

// Len returns the number of candidates.
func (c *Columns) Len() int { return len(c.GetEnds()) }

// Check returns an error unless the lengths of the columns agree; everything else here panics on a table that fails it.
func (c *Columns) Check() error {
	n := len(c.GetEnds())
	if n > MaxCandidates {
		return fmt.Errorf("columns: %d candidates, at most %d", n, MaxCandidates)
	}
	at := uint32(0)
	for i, end := range c.GetEnds() {
		if end < at || int64(end) > int64(len(c.Ids)) {
			return fmt.Errorf("columns: id %d ends at %d, outside [%d, %d]", i, end, at, len(c.Ids))
		}
		at = end
	}
	if int(at) != len(c.GetIds()) {
		return errors.New("columns: bytes after the last id")
	}
	if want := len(c.GetNames()) * n * 4; len(c.GetValues()) != want {
		return fmt.Errorf("columns: %d bytes of values, want %d columns x %d candidates x 4 = %d", len(c.GetValues()), len(c.GetNames()), n, want)
	}
	return nil
}

// Clear empties the table, keeps its memory and sets the column names.
func (c *Columns) Clear(names ...string) {
	c.Ids, c.Ends, c.Values = c.Ids[:0], c.Ends[:0], c.Values[:0]
	c.Names = append(c.Names[:0], names...)
}

// AddID appends a candidate's id. Values are set afterwards, by SetValues.
func (c *Columns) AddID(id shop.ItemID) {
	c.Ids = append(c.Ids, id...)
	c.Ends = append(c.Ends, uint32(len(c.Ids)))
}

// AppendIDs appends every id to dst and returns it. The ids share one copy of the bytes.
func (c *Columns) AppendIDs(dst []shop.ItemID) []shop.ItemID {
	all, at := string(c.GetIds()), uint32(0)
	for _, end := range c.GetEnds() {
		dst = append(dst, shop.ItemID(all[at:end]))
		at = end
	}
	return dst
}

// SetValues stores the columns, one after the other: values has len(Names) * Len() floats, column-major.
func (c *Columns) SetValues(values []float32) { c.Values = AppendFloats(c.Values[:0], values) }

// Column returns column name decoded into dst[:Len()] (grown when short), or nil when there is none of that name.
func (c *Columns) Column(name string, dst []float32) []float32 {
	n := c.Len()
	for i, have := range c.GetNames() {
		if have == name {
			return Floats(c.Values[i*n*4:(i+1)*n*4], dst)
		}
	}
	return nil
}

// littleEndian says whether floats in memory lie as they do on the wire.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// AppendFloats appends values to b as little-endian float32.
func AppendFloats(b []byte, values []float32) []byte {
	if littleEndian && len(values) > 0 {
		return append(b, unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), 4*len(values))...)
	}
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// Floats decodes len(b)/4 little-endian float32 into dst, grown when short, and returns it at that length.
func Floats(b []byte, dst []float32) []float32 {
	n := len(b) / 4
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	if littleEndian && n > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*n), b)
		return dst
	}
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return dst
}

// ItemToken returns id as one token of a subject: NATS gives dots, stars and spaces a meaning, so an id that holds
// anything but letters, digits, '-' and '_' travels as "=" and its base64url form.
func ItemToken(id shop.ItemID) string {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return "=" + base64.RawURLEncoding.EncodeToString([]byte(id))
		}
	}
	return string(id)
}

// ItemFromToken is the inverse of [ItemToken].
func ItemFromToken(token string) (shop.ItemID, error) {
	if len(token) == 0 || token[0] != '=' {
		return shop.ItemID(token), nil
	}
	id, err := base64.RawURLEncoding.DecodeString(token[1:])
	if err != nil {
		return "", fmt.Errorf("decode item token: %w", err)
	}
	return shop.ItemID(id), nil
}
