package catalogue

import (
	"encoding/binary"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/numbers"
)

// pageBytes is how many bytes of ids stand in one piece of memory.
const pageBytes = 1 << 16

// names are the ids of items by slot, and the slots by id. Ids lie one behind the other in pages that never move, each behind
// its length: an item costs its bytes and 16 more.
type names struct {
	pages []*strings.Builder
	// at is where the length of an id stands: the page above the lower 16 bits.
	at []uint32
	// hashes are FNV-1a of the ids: they find the id, break ties and choose the shard.
	hashes []uint64
	slots  numbers.Table
}

func (n *names) len() int { return len(n.at) }

func (n *names) id(s Slot) shop.ItemID {
	at := n.at[s]
	text := n.pages[at>>16].String()[at&0xffff:]
	if size := text[0]; size < 0x80 {
		return shop.ItemID(text[1 : 1+int(size)])
	}
	var head [binary.MaxVarintLen64]byte
	size, width := binary.Uvarint(head[:copy(head[:], text)])
	return shop.ItemID(text[width : width+int(size)])
}

func (n *names) find(id shop.ItemID) (Slot, bool) {
	s, ok := n.slots.Find(spread(hashID(id)), func(s uint32) bool { return n.id(Slot(s)) == id })
	return Slot(s), ok
}

// add gives an id that has no slot the next one.
func (n *names) add(id shop.ItemID) Slot {
	var head [binary.MaxVarintLen64]byte
	width := binary.PutUvarint(head[:], uint64(len(id)))
	last := len(n.pages) - 1
	// A page is never written beyond the memory that it has, so its text never moves.
	if last < 0 || n.pages[last].Len() >= pageBytes || n.pages[last].Len()+width+len(id) > n.pages[last].Cap() {
		page := &strings.Builder{}
		page.Grow(max(pageBytes, width+len(id)))
		n.pages = append(n.pages, page)
		last++
	}
	page := n.pages[last]
	s := Slot(len(n.at))
	n.at = append(n.at, uint32(last)<<16|uint32(page.Len()))
	page.Write(head[:width])
	page.WriteString(string(id))
	hash := hashID(id)
	n.hashes = append(n.hashes, hash)
	n.slots.Add(spread(hash), uint32(s), func(s uint32) uint64 { return spread(n.hashes[s]) })
	return s
}

// hashID is FNV-1a of an id, the same on every replica.
func hashID(id shop.ItemID) uint64 { return hashText(fnvOffset, string(id)) }

// TieOf is the number that ties between an item and others are broken by, see [Catalogue.Tie].
func TieOf(id shop.ItemID) uint64 { return spread(hashID(id)) }

// ShardOf returns which of shards parts an item belongs to.
func ShardOf(id shop.ItemID, shards int) int {
	return int(spread(hashID(id)) >> 33 % uint64(max(1, shards)))
}

func (n *names) bytes() int {
	return len(n.pages)*(pageBytes+64) + 4*cap(n.at) + 8*cap(n.hashes) + n.slots.Bytes()
}
