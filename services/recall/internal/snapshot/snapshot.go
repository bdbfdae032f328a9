// Package snapshot is the file that holds the state of recall: named sections, each with a checksum, and the positions in the streams
// that they reflect.
package snapshot

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A snapshot, all numbers little-endian:
//
//	magic    8 bytes  "HGRECALL"
//	version  uint32   3
//	header   uint32   length of the header
//	header   JSON of [Header]
//	check    uint32   CRC-32C of all that stands before
//	sections: length of the name as one byte, the name, length of the bytes as uint64, the bytes, CRC-32C of all that as uint32
//	a section without a name and without bytes ends it
//
// History: 1 = the first; 2 = phrases are opened in order, with those of the items; 3 = vectors, and the encoder
// that made those of texts.
const (
	magic          = "HGRECALL"
	formatVersion  = 3
	maxHeaderBytes = 1 << 20
	maxName        = 64
	// readPiece is how much is read at once: a length that lies costs no more memory than that beyond what is there.
	readPiece = 16 << 20
)

// Errors of [NewReader] and [Reader.Next].
var (
	ErrBroken  = errors.New("the snapshot is broken")
	ErrVersion = errors.New("the snapshot has a version that is not known")
)

// Header says what a snapshot is of.
type Header struct {
	Created time.Time `json:"created"`
	// Shard is the part of the items that it holds: "0/4".
	Shard string `json:"shard"`
	// Settings are what the state depends on beside the streams.
	Settings string `json:"settings"`
	// Positions are by stream how far it was read.
	Positions map[string]Position `json:"positions"`
	Items     int                 `json:"items"`
}

// Position is how far a stream was read.
type Position struct {
	// Seq is the sequence of the last message that the state reflects.
	Seq uint64 `json:"seq"`
	// Stream is when the stream was made: sequences of another one mean nothing here.
	Stream time.Time `json:"stream"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer writes a snapshot. Make one with [NewWriter]; [Writer.Close] ends it.
type Writer struct{ w io.Writer }

// NewWriter begins a snapshot.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the header: %w", err)
	}
	head := binary.LittleEndian.AppendUint32([]byte(magic), formatVersion)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(text)))
	head = append(head, text...)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return &Writer{w: w}, nil
}

// Add writes a section. Its name has 1 to 64 bytes.
func (w *Writer) Add(name string, b []byte) error {
	if name == "" || len(name) > maxName {
		panic("BUG: a section without a name, or with one that is too long")
	}
	return w.add(name, b)
}

func (w *Writer) add(name string, b []byte) error {
	head := append([]byte{byte(len(name))}, name...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(b)))
	sum := crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, b)
	for _, part := range [][]byte{head, b, binary.LittleEndian.AppendUint32(nil, sum)} {
		if _, err := w.w.Write(part); err != nil {
			return fmt.Errorf("write section %s: %w", name, err)
		}
	}
	return nil
}

// Close writes the end. The writer below is the caller's.
func (w *Writer) Close() error { return w.add("", nil) }

// Reader reads a snapshot. Make one with [NewReader].
type Reader struct {
	Header Header
	// Watch, if there is one, is told the name and size of each section when it was read, and of no name when the next is asked for.
	Watch func(name string, size int)
	r     io.Reader
	left  int64
}

// NewReader reads the header of a snapshot of size bytes. The errors wrap [ErrBroken] or [ErrVersion].
func NewReader(from io.Reader, size int64) (*Reader, error) {
	r := &Reader{r: from, left: size}
	head, err := r.read(uint64(len(magic)) + 8)
	if err != nil {
		return nil, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrBroken)
	}
	if v := binary.LittleEndian.Uint32(head[len(magic):]); v != formatVersion {
		return nil, fmt.Errorf("%w: %d, known is %d", ErrVersion, v, formatVersion)
	}
	length := binary.LittleEndian.Uint32(head[len(magic)+4:])
	if length > maxHeaderBytes {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrBroken, length)
	}
	text, err := r.read(uint64(length))
	if err != nil {
		return nil, err
	}
	if err := r.check(crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, text)); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := json.Unmarshal(text, &r.Header); err != nil {
		return nil, fmt.Errorf("%w: decode the header: %w", ErrBroken, err)
	}
	return r, nil
}

// Next returns the next section; its name is empty at the end. The errors wrap [ErrBroken].
func (r *Reader) Next() (string, []byte, error) {
	if r.Watch != nil {
		r.Watch("", 0)
	}
	head, err := r.read(1)
	if err != nil {
		return "", nil, err
	}
	if head[0] > maxName {
		return "", nil, fmt.Errorf("%w: a name of %d bytes", ErrBroken, head[0])
	}
	rest, err := r.read(uint64(head[0]) + 8)
	if err != nil {
		return "", nil, err
	}
	name := string(rest[:head[0]])
	b, err := r.read(binary.LittleEndian.Uint64(rest[head[0]:]))
	if err != nil {
		return "", nil, fmt.Errorf("section %q: %w", name, err)
	}
	sum := crc32.Checksum(head, castagnoli)
	sum = crc32.Update(sum, castagnoli, rest)
	if err := r.check(crc32.Update(sum, castagnoli, b)); err != nil {
		return "", nil, fmt.Errorf("section %q: %w", name, err)
	}
	if name == "" && (len(b) > 0 || r.left > 0) {
		return "", nil, fmt.Errorf("%w: %d bytes behind its end", ErrBroken, r.left)
	}
	if r.Watch != nil && name != "" {
		r.Watch(name, len(b))
	}
	return name, b, nil
}

func (r *Reader) check(want uint32) error {
	b, err := r.read(4)
	if err == nil && binary.LittleEndian.Uint32(b) != want {
		err = fmt.Errorf("%w: a checksum is %08x, it says %08x", ErrBroken, want, binary.LittleEndian.Uint32(b))
	}
	return err
}

// read reads n bytes, if as many are left.
func (r *Reader) read(n uint64) ([]byte, error) {
	if r.left < 0 || n > uint64(r.left) {
		return nil, fmt.Errorf("%w: %d bytes are said to follow where %d are left", ErrBroken, n, r.left)
	}
	r.left -= int64(n)
	b := make([]byte, 0, min(n, readPiece))
	for uint64(len(b)) < n {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(n, 2*uint64(cap(b)))), b...)
		}
		piece := b[len(b):min(uint64(cap(b)), n)]
		got, err := io.ReadFull(r.r, piece)
		b = b[:len(b)+got]
		if err != nil {
			return nil, fmt.Errorf("%w: %d of %d bytes: %w", ErrBroken, len(b), n, err)
		}
	}
	return b, nil
}
