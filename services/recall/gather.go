package recall

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
)

// gatherer answers requests from all shards: from the engine of this instance for its own, over the bus for the others. Every instance
// gathers, so that the gateway asks as if one held all items.
type gatherer struct {
	door          *door
	shard, shards int
}

// shardSubject is what the instances of a shard answer.
func shardSubject(shard, shards int) string {
	return fmt.Sprintf("%s%dof%d", wire.SubjectShard, shard, shards)
}

// marginShare is the part of the time that is left in which an answer is made of what has come.
const marginShare = 10

// gather answers one request. A shard that is late or away is named in degraded; all of them away is an error.
func (g *gatherer) gather(ctx context.Context, payload []byte) ([]byte, error) {
	request := &wire.RecallRequest{}
	if err := proto.Unmarshal(payload, request); err != nil {
		return nil, wire.Errorf(wire.Invalid, "decode request: %v", err)
	}
	// Here one waits for others: the caller's clock waits, too.
	if cost.Pause(ctx) {
		defer cost.Resume(ctx)
	}
	ctx = cost.Apart(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/marginShare))
		defer cancel()
	}
	if request.NowMicros == 0 {
		request.NowMicros = g.door.kit.Clock().UnixMicro() // one moment for all
	}
	every := make([]int, g.shards)
	for i := range every {
		every[i] = i
	}
	replies, faults := make([]*wire.RecallReply, g.shards), make([]error, g.shards)
	g.ask(ctx, request, every, replies, faults)
	for _, err := range faults {
		if wire.CodeOf(err) == wire.Invalid {
			return nil, err // all would say the same
		}
	}
	if query, others := engine.Agree(request, replies); len(others) > 0 {
		again := proto.CloneOf(request)
		again.Query, again.Spell = query, "off"
		used := replies
		replies = slices.Clone(replies)
		g.ask(ctx, again, others, replies, faults)
		for _, i := range others {
			if replies[i] != nil {
				replies[i].Stages = append(used[i].Stages, replies[i].Stages...) // what was asked in vain was paid for too
			}
		}
	}
	meter := cost.Start()
	limit := wire.MaxCandidates
	if request.Limit > 0 {
		limit = min(limit, int(request.Limit))
	} else if request.Purpose == wire.Purpose_PURPOSE_AUTOCOMPLETE {
		limit = 10
	} else {
		limit = engine.DefaultLimit
	}
	reply := engine.Merge(request, replies, limit)
	for i, err := range faults {
		if replies[i] == nil {
			reply.Degraded = append(reply.Degraded, fmt.Sprintf("recall.shard%d:%s", i, wire.CodeOf(err)))
			g.door.metrics.shards.WithLabelValues(string(wire.CodeOf(err))).Inc()
		}
	}
	if !slices.ContainsFunc(replies, func(r *wire.RecallReply) bool { return r != nil }) {
		meter.Stop()
		return nil, faults[0]
	}
	used := meter.Lap()
	reply.Stages = append(reply.Stages, &wire.Stage{Name: "recall.gather", CpuNanos: uint64(used), CandidatesOut: uint32(reply.Candidates.Len())})
	encoded, err := proto.Marshal(reply)
	g.door.kit.Ledger.Claim(used)
	g.door.kit.Ledger.Other(meter.Stop())
	return encoded, err
}

// ask asks some shards at once and stores what they say.
func (g *gatherer) ask(ctx context.Context, request *wire.RecallRequest, shards []int, replies []*wire.RecallReply, faults []error) {
	payload, err := proto.Marshal(request)
	var calls sync.WaitGroup
	for _, i := range shards {
		if replies[i], faults[i] = nil, err; err != nil {
			continue
		}
		one := func() { replies[i], faults[i] = g.askOne(ctx, i, payload) }
		if i != g.shard {
			calls.Go(one)
		}
	}
	if err == nil && slices.Contains(shards, g.shard) {
		replies[g.shard], faults[g.shard] = g.askOne(ctx, g.shard, payload)
	}
	calls.Wait()
}

func (g *gatherer) askOne(ctx context.Context, shard int, payload []byte) (*wire.RecallReply, error) {
	var encoded []byte
	var err error
	if shard == g.shard {
		encoded, err = g.door.answer(ctx, payload)
	} else {
		encoded, err = g.door.kit.Bus.Call(ctx, shardSubject(shard, g.shards), payload)
	}
	if err != nil {
		return nil, err
	}
	reply := &wire.RecallReply{}
	if err := proto.Unmarshal(encoded, reply); err != nil {
		return nil, wire.Errorf(wire.Internal, "decode the reply of shard %d: %v", shard, err)
	}
	if reply.Candidates == nil {
		reply.Candidates = &wire.Columns{}
	}
	if n := reply.Candidates.Len(); reply.Candidates.Check() != nil || len(reply.Reasons) != n || len(reply.Because) != n {
		if n > 0 || reply.Candidates.Check() != nil {
			return nil, wire.Errorf(wire.Internal, "the reply of shard %d is no table", shard)
		}
	}
	return reply, nil
}
