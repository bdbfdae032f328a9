package service

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Health says whether a service can take work: that what it needs is loaded and tried. It never depends on a server
// elsewhere, or the loss of one would take every replica out. The zero value is not ready, and a service becomes ready by
// calling Ready at least once. Its methods may be called at once.
type Health struct {
	mu sync.Mutex
	// waits holds, by part, why it is not ready; "" when it is.
	waits    map[string]string
	draining bool
	since    time.Time
}

// Ready says that a part of the service is ready.
func (h *Health) Ready(part string) { h.set(part, "") }

// NotReady says that a part of the service is not ready, and why.
func (h *Health) NotReady(part, why string) {
	if why == "" {
		why = "is not ready"
	}
	h.set(part, why)
}

// forget takes a part off the list. A service without a part of its own that is ready is still starting.
func (h *Health) forget(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waits, part)
	h.turn()
}

func (h *Health) set(part, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waits == nil {
		h.waits = map[string]string{}
	}
	h.waits[part] = why
	h.turn()
}

// Drain makes the service not ready for good: it finishes what it has and ends.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
	h.turn()
}

// turn notes when the service became ready; the lock is held.
func (h *Health) turn() {
	switch ready := h.ready(); {
	case ready && h.since.IsZero():
		h.since = time.Now()
	case !ready:
		h.since = time.Time{}
	}
}

func (h *Health) ready() bool {
	if h.draining || len(h.waits) == 0 {
		return false
	}
	for _, why := range h.waits {
		if why != "" {
			return false
		}
	}
	return true
}

// Since returns since when the service has been ready; zero when it is not.
func (h *Health) Since() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.since
}

// Waits returns what the service waits for, one line per part, sorted; empty when it is ready.
func (h *Health) Waits() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return []string{"draining"}
	case len(h.waits) == 0:
		return []string{"starting"}
	}
	var lines []string
	for _, part := range slices.Sorted(maps.Keys(h.waits)) {
		if why := h.waits[part]; why != "" {
			lines = append(lines, part+": "+why)
		}
	}
	return lines
}
