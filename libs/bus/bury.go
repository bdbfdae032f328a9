package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// Bury stores what a follower of a stream cannot handle in the dead-letter stream, with the headers that say where it came
// from and why. The reader names the follower. Burying the same message of the stream again within two minutes stores nothing.
func (b *Bus) Bury(ctx context.Context, stream, reader string, m Message, reason error) error {
	id := "dead-" + stream + "-" + reader + "-" + strconv.FormatUint(m.Seq, 10)
	dead := &nats.Msg{
		Subject: wire.SubjectDead + stream + "." + reader,
		Data:    m.Data,
		Header: nats.Header{
			wire.HeaderOrigin:     {m.Subject},
			wire.HeaderTries:      {strconv.Itoa(max(m.Tries, 1))},
			wire.HeaderReason:     {oneLine(reason.Error())},
			jetstream.MsgIDHeader: {id},
		},
	}
	ctx, cancel := context.WithTimeout(ctx, apiWait)
	defer cancel()
	if _, err := b.js.PublishMsg(ctx, dead); err != nil {
		return fmt.Errorf("bury message %d of %s: %w", m.Seq, stream, streamError(err))
	}
	b.counts.dead.Add(1)
	return nil
}
