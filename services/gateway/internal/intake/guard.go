package intake

import (
	"hash/maphash"
	"sync"

	"github.com/haggle-commerce/haggle/libs/shop"
)

const (
	// MaxUses is how many events of one kind about one item may carry one token. Some shoppers do open an item many times
	// from one list; a script that clicks all night is stopped here.
	MaxUses = 20
	// guardEntries is how many (token, kind, item) one generation holds: two generations take about 10 MB.
	guardEntries = 1 << 16
)

// Guard counts how often a token was used, in bounded memory: what was not used for a while is forgotten. Its methods may be
// called at once.
type Guard struct {
	mu     sync.Mutex
	seed   maphash.Seed
	recent map[uint64]use
	older  map[uint64]use
}

// use is how many events used a token, and the last of them: the same event sent again does not count.
type use struct {
	event uint64
	count uint32
}

// NewGuard returns a guard that has seen nothing.
func NewGuard() *Guard { return &Guard{seed: maphash.MakeSeed(), recent: map[uint64]use{}} }

// Admit reports whether token may be used for the event, and counts it.
func (g *Guard) Admit(token string, ev *shop.Event) bool {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.WriteString(token)
	h.WriteByte(0)
	h.WriteString(string(ev.Kind))
	for i := range ev.Items {
		h.WriteByte(0)
		h.WriteString(string(ev.Items[i].ID))
	}
	key, event := h.Sum64(), maphash.String(g.seed, ev.ID)

	g.mu.Lock()
	defer g.mu.Unlock()
	u, ok := g.recent[key]
	if !ok {
		u = g.older[key]
		if len(g.recent) >= guardEntries {
			g.older, g.recent = g.recent, make(map[uint64]use, guardEntries)
		}
	}
	if u.count > 0 && u.event == event {
		return true
	}
	if u.count >= MaxUses {
		return false
	}
	g.recent[key] = use{event: event, count: u.count + 1}
	return true
}
