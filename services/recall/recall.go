// Package recall finds the items that could answer a query: for a search by its words, for a recommendation by what shoppers did.
package recall

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// door joins the engine to the world.
type door struct {
	kit     service.Kit
	engine  *engine.Engine
	metrics *metrics
	keeper  *keeper
	// remote is nil when the own index alone answers.
	remote *remote
}

// Run answers requests for candidates until ctx ends. It begins to when it has caught up with the catalogue and the events as
// they were at the start, and follows both from then on; a model of neighbours is used from when one is published.
func Run(ctx context.Context, kit service.Kit, c Config) error {
	if err := c.Check(); err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return fmt.Errorf("run recall: %w", err)
	}
	d := &door{kit: kit}
	if d.remote, err = openRemote(d, &c); err != nil {
		return fmt.Errorf("run recall: %w", err)
	}
	d.keeper = newKeeper(d, &c, o)
	catalogue := newFollower(d, wire.StreamCatalog, wire.SubjectItems, d.applyItems)
	events := newFollower(d, wire.StreamEvents, wire.SubjectEvents, d.observeEvents)
	d.engine = d.keeper.restore(ctx)
	if d.metrics, err = newMetrics(kit.Metrics, d.engine); err != nil {
		return fmt.Errorf("run recall: %w", err)
	}
	defer d.metrics.unregister(kit.Metrics)

	group, life := errgroup.WithContext(ctx)
	group.Go(func() error { return catalogue.follow(life) })
	group.Go(func() error { return events.follow(life) })
	group.Go(func() error { return d.watchNeighbours(life) })
	group.Go(func() error { return d.tend(life) })
	group.Go(func() error { return d.watchEncoder(life) })
	group.Go(func() error { return d.arrangeVectors(life) })
	group.Go(func() error { return d.watchRecipe(life) })
	group.Go(func() error { return d.watchSession(life) })
	if d.remote != nil {
		group.Go(func() error { return d.remote.run(life) })
	}
	group.Go(func() error {
		for _, f := range []*follower{catalogue, events} {
			select {
			case <-f.caughtUp:
			case <-life.Done():
				return nil
			}
		}
		return d.keeper.keep(life)
	})
	group.Go(func() error {
		for _, f := range []*follower{catalogue, events} {
			select {
			case <-f.caughtUp:
			case <-life.Done():
				return nil
			}
		}
		size := d.engine.Size()
		kit.Log.Info("caught up", "items", size.Items, "words", size.Words, "shoppers", size.Shoppers, "sessions", size.Sessions)
		return d.serve(life, bus.Limits{Workers: c.Workers, Queue: c.Queue}, o.Shard, o.Shards)
	})
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run recall: %w", err)
	}
	return nil
}

// serve answers requests until ctx ends: alone, or as one of several shards.
func (d *door) serve(ctx context.Context, limits bus.Limits, shard, shards int) error {
	if shards <= 1 {
		return d.kit.Bus.Serve(ctx, wire.SubjectRecall, limits, d.answer)
	}
	g := &gatherer{door: d, shard: shard, shards: shards}
	group, life := errgroup.WithContext(ctx)
	group.Go(func() error { return d.kit.Bus.Serve(life, shardSubject(shard, shards), limits, d.answer) })
	group.Go(func() error { return d.kit.Bus.Serve(life, wire.SubjectRecall, limits, g.gather) })
	return group.Wait()
}

// stageWire is the stage of the receipt for decoding the request and encoding the reply.
const stageWire = "recall.wire"

// answer answers one request. All of its CPU time is measured: the engine's by its stages, the rest as stageWire.
func (d *door) answer(ctx context.Context, payload []byte) ([]byte, error) {
	span, ctx := cost.Enter(ctx)
	request := &wire.RecallRequest{}
	if err := proto.Unmarshal(payload, request); err != nil {
		d.refuse(request, span.Leave(), wire.Invalid)
		return nil, wire.Errorf(wire.Invalid, "decode request: %v", err)
	}
	decoding := span.Lap()
	reply := &wire.RecallReply{}
	if err := d.find(ctx, request, reply, &span); err != nil {
		d.refuse(request, decoding+span.Leave(), wire.CodeOf(err))
		return nil, err
	}
	decoding += span.Lap()
	pace := span.Settle()
	decoding = scaled(decoding, pace)
	for _, stage := range reply.Stages {
		stage.CpuNanos = uint64(scaled(time.Duration(stage.CpuNanos), pace))
	}
	encoded, err := proto.Marshal(reply)
	if err != nil {
		d.refuse(request, decoding+span.Leave(), wire.Internal)
		return nil, fmt.Errorf("encode reply: %w", err)
	}
	// Two messages one after the other are one with the fields of both: so the stage that encodes can be in what it encodes.
	coding := decoding + span.Lap()
	last := &wire.RecallReply{Stages: []*wire.Stage{{Name: stageWire, CpuNanos: uint64(coding), Bytes: uint64(len(payload) + len(encoded))}}}
	if encoded, err = (proto.MarshalOptions{}).MarshalAppend(encoded, last); err != nil {
		d.refuse(request, coding+span.Leave(), wire.Internal)
		return nil, fmt.Errorf("encode last stage: %w", err)
	}
	d.claim(request, reply, coding)
	d.kit.Ledger.Other(span.Leave())
	return encoded, nil
}

// find answers a request from the engine, of what the remote index found if there is one.
func (d *door) find(ctx context.Context, request *wire.RecallRequest, reply *wire.RecallReply, span *cost.Span) error {
	if request.NowMicros == 0 {
		request.NowMicros = d.kit.Clock().UnixMicro()
	}
	found, missed := d.remote.find(ctx, request)
	err := d.engine.AnswerFound(request, reply, span, found)
	if missed && err == nil {
		reply.Degraded = append(reply.Degraded, degradedRemote)
	}
	return err
}

func scaled(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// claim counts an answered request, and the CPU time that its receipt accounts for.
func (d *door) claim(request *wire.RecallRequest, reply *wire.RecallReply, coding time.Duration) {
	total := coding
	for _, stage := range reply.Stages {
		total += time.Duration(stage.CpuNanos)
	}
	d.kit.Ledger.Claim(total)
	d.metrics.answered(request.Purpose, wire.OK, total)
	for _, why := range reply.Degraded {
		d.metrics.degraded.WithLabelValues(why).Inc()
	}
}

// refuse counts a request that was not answered. No receipt goes back, so its CPU time is claimed by none.
func (d *door) refuse(request *wire.RecallRequest, used time.Duration, code wire.Code) {
	d.kit.Ledger.Other(used)
	d.metrics.answered(request.GetPurpose(), code, used)
}
