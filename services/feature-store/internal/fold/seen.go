package fold

import (
	"encoding/binary"
	"errors"
	"time"
)

// seen remembers the ids of the events of one shopper, by hash, for a while: the guard against counting one twice. Two ids
// of one shopper collide with a probability of 1e-12 at 10,000 events.
type seen struct {
	hashes []uint64
	// at holds when the stream took each event, in unix milliseconds.
	at []int64
}

// mostSeen bounds the ids kept of one shopper: ten events a minute, day and night, for a day. The oldest go first.
const mostSeen = 16_384

// add remembers an id and reports whether it is new. What is older than window is forgotten first, so that the outcome depends on
// the stream alone: the same messages in the same order give the same rows, live or in a replay.
func (s *seen) add(id string, at time.Time, window time.Duration) bool {
	now := at.UnixMilli()
	old := 0
	for old < len(s.at) && s.at[old] < now-window.Milliseconds() || len(s.at)-old >= mostSeen {
		old++
	}
	if old > 0 {
		s.hashes = s.hashes[:copy(s.hashes, s.hashes[old:])]
		s.at = s.at[:copy(s.at, s.at[old:])]
	}
	hash := hashID(id)
	for _, have := range s.hashes {
		if have == hash {
			return false
		}
	}
	s.hashes, s.at = append(s.hashes, hash), append(s.at, now)
	return true
}

// hashID is FNV-1a with a finishing mix. It never changes: states hold it.
func hashID(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// stateVersion begins each encoded state. History: 1 = the first.
const stateVersion = 1

var errState = errors.New("decode state: is cut short, too long or of an unknown version")

// appendTo writes a version, the number of ids, and of each the hash and the time since the one before.
func (s *seen) appendTo(b []byte) []byte {
	b = append(b, stateVersion)
	b = binary.AppendUvarint(b, uint64(len(s.hashes)))
	before := int64(0)
	for i, hash := range s.hashes {
		b = binary.LittleEndian.AppendUint64(b, hash)
		b = binary.AppendVarint(b, s.at[i]-before)
		before = s.at[i]
	}
	return b
}

// decode reads what appendTo wrote and returns what follows.
func (s *seen) decode(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != stateVersion {
		return nil, errState
	}
	b = b[1:]
	n, size := binary.Uvarint(b)
	if size <= 0 || n > mostSeen || n > uint64(len(b))/9 {
		return nil, errState
	}
	b = b[size:]
	hashes, times, before := make([]uint64, n), make([]int64, n), int64(0)
	for i := range hashes {
		if len(b) < 9 {
			return nil, errState
		}
		hashes[i] = binary.LittleEndian.Uint64(b)
		after, size := binary.Varint(b[8:])
		if size <= 0 {
			return nil, errState
		}
		before += after
		times[i], b = before, b[8+size:]
	}
	s.hashes, s.at = hashes, times
	return b, nil
}
