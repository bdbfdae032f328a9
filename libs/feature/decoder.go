package feature

import (
	"encoding/binary"
	"errors"
	"math"
)

var (
	errTime     = errors.New("has a time before 1970")
	errTrailing = errors.New("has bytes after its end")
	errRange    = errors.New("has a number out of range")
)

// decoder reads a row from the front of b. The first fault stays in err and makes all later reads return 0.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) version() {
	if v := d.byte(); d.err == nil && v != rowVersion {
		d.fail(errVersion)
	}
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(errShort)
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail(errShort)
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > math.MaxUint32 {
		d.fail(errRange)
		return 0
	}
	return uint32(v)
}

// millis reads a time or an age in milliseconds.
func (d *decoder) millis() int64 {
	v := d.uvarint()
	if v > math.MaxInt64/2 {
		d.fail(errRange)
		return 0
	}
	return int64(v)
}

// bucket reads what appendBucket wrote.
func (d *decoder) bucket(bucket *[windowed]uint32) {
	mask := d.byte()
	if mask>>windowed != 0 {
		d.fail(errRange)
		return
	}
	for i := range bucket {
		if mask&(1<<i) != 0 {
			bucket[i] = d.uint32()
		}
	}
}

// end returns the first fault, or that something follows what was read.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) != 0 {
		return errTrailing
	}
	return d.err
}
