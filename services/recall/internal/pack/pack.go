// Package pack writes the state of a core as bytes and reads it back without trust in what they say.
//
// Numbers are little-endian or, where most are small, varints. A reader checks every length against the bytes that are left before it
// takes memory, so that what it reads is never larger than what holds it by more than the width of a Go string or slice.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrBroken says that bytes are not what a core wrote.
var ErrBroken = errors.New("the state is broken")

// Number is what lists hold.
type Number interface {
	uint8 | uint16 | uint32 | uint64 | int64 | float32 | float64
}

// AppendUint appends a whole number as a varint.
func AppendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

// AppendText appends a text behind its length.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// AppendFloat appends a number of 8 bytes.
func AppendFloat(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendList appends numbers in their own width, behind how many there are.
func AppendList[T Number](dst []byte, list []T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, v := range list {
		switch v := any(v).(type) {
		case uint8:
			dst = append(dst, v)
		case uint16:
			dst = binary.LittleEndian.AppendUint16(dst, v)
		case uint32:
			dst = binary.LittleEndian.AppendUint32(dst, v)
		case uint64:
			dst = binary.LittleEndian.AppendUint64(dst, v)
		case int64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		case float32:
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		case float64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		default:
			panic("BUG: a list of no known number")
		}
	}
	return dst
}

// Reader reads what was appended, in the same order. After the first fault all that it returns is empty; [Reader.End] tells of it.
type Reader struct {
	b   []byte
	err error
}

// Read returns a reader of b.
func Read(b []byte) *Reader { return &Reader{b: b} }

// Fail makes text the fault, unless there was one before.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
		r.b = nil
	}
}

// Err returns the first fault, wrapped in [ErrBroken].
func (r *Reader) Err() error { return r.err }

// End returns the first fault; bytes that are left over are one.
func (r *Reader) End() error {
	if len(r.b) > 0 {
		r.Fail("%d bytes are left over", len(r.b))
	}
	return r.err
}

// Uint reads a varint.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.Fail("a number is cut off")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Below reads a varint that must be below limit.
func (r *Reader) Below(limit int) int {
	v := r.Uint()
	if v >= uint64(max(0, limit)) {
		r.Fail("the number %d is not below %d", v, limit)
		return 0
	}
	return int(v)
}

// Count reads how many entries follow, of at least size bytes each.
func (r *Reader) Count(size int) int {
	v := r.Uint()
	if v > uint64(len(r.b)/max(1, size)) {
		r.Fail("%d entries of %d bytes in %d bytes", v, size, len(r.b))
		return 0
	}
	return int(v)
}

// Bytes reads a text without making a copy: it is a part of what the reader reads.
func (r *Reader) Bytes() []byte {
	n := r.Count(1)
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Rest reads all that is left, without making a copy.
func (r *Reader) Rest() []byte {
	b := r.b
	r.b = nil
	return b
}

// Float reads a number of 8 bytes.
func (r *Reader) Float() float64 {
	if len(r.b) < 8 {
		r.Fail("a number is cut off")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

// List reads numbers.
func List[T Number](r *Reader) []T {
	var zero T
	size := width(zero)
	n := r.Count(size)
	list := make([]T, n)
	b := r.b[:n*size]
	r.b = r.b[n*size:]
	switch list := any(list).(type) {
	case []uint8:
		copy(list, b)
	case []uint16:
		for i := range list {
			list[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
	case []uint32:
		for i := range list {
			list[i] = binary.LittleEndian.Uint32(b[4*i:])
		}
	case []uint64:
		for i := range list {
			list[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	case []int64:
		for i := range list {
			list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	case []float32:
		for i := range list {
			list[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case []float64:
		for i := range list {
			list[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	default:
		panic("BUG: a list of no known number")
	}
	return list
}

func width(zero any) int {
	switch zero.(type) {
	case uint8:
		return 1
	case uint16:
		return 2
	case uint32, float32:
		return 4
	}
	return 8
}
