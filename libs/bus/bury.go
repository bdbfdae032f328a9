package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/wire"
)

// Bury stores what a reader of a stream cannot handle in the dead-letter stream, with the headers that say where it came
// from and why. [Bus.Consume] does so by itself; a follower does it for itself, and the reader names it. Burying the same message of the stream again within two minutes stores nothing.
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
	err := b.Ask(ctx, apiWait, func(ctx context.Context) error {
		_, err := b.js.PublishMsg(ctx, dead)
		return err
	})
	if err != nil {
		return fmt.Errorf("bury message %d of %s: %w", m.Seq, stream, err)
	}
	b.counts.dead.Add(1)
	return nil
}
