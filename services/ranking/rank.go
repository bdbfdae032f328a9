package ranking

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/ranking/internal/desk"
)

// What an answer had to do without.
const (
	noModel      = "rank:no_model"
	badScores    = "rank:bad_scores"
	noRows       = "features:redis"
	noNeighbours = "features:no_neighbours"
)

// Names of the stages, and of the variant that is no model.
const (
	stageFeatures = "features"
	stageRank     = "rank"
	variantRecall = "recall_order"
)

// query is the memory of one query, used again for the next.
type query struct {
	desk    desk.Desk
	request wire.RankRequest
	reply   wire.RankReply
	stages  [2]wire.Stage
	read    online.Read
}

func newQuery() *query {
	q := &query{}
	q.reply.Stages = []*wire.Stage{&q.stages[0], &q.stages[1]}
	return q
}

// rank answers one request.
func (r *room) rank(ctx context.Context, request []byte) ([]byte, error) {
	q := r.desks.Get().(*query)
	defer func() {
		q.desk.Clear()
		r.desks.Put(q)
	}()
	span, ctx := cost.Enter(ctx)
	if err := r.open(q, request); err != nil {
		r.kit.Ledger.Claim(span.Leave())
		r.metrics.queries.WithLabelValues(outcomeInvalid).Inc()
		return nil, err
	}
	ranker := r.ranker.Load()
	if ranker != nil {
		if err := r.fetch(ctx, q); err != nil {
			r.kit.Ledger.Claim(span.Leave())
			return nil, err
		}
		r.features(q)
	}
	made := span.Lap()
	outcome := outcomeRanked
	switch {
	case ranker == nil:
		outcome = outcomeKept
		q.reply.Degraded = append(q.reply.Degraded, noModel)
	case !q.desk.Rank(ranker):
		outcome = outcomeKept
		q.reply.Degraded = append(q.reply.Degraded, badScores)
	default:
		q.reply.Model, q.reply.Variant = ranker.ID, ranker.Name
	}
	if outcome == outcomeKept {
		q.desk.KeepOrder(q.request.Candidates)
		q.reply.Model, q.reply.Variant = "", variantRecall
	}
	q.reply.Scores = wire.AppendFloats(q.reply.Scores[:0], q.desk.Scores)
	r.account(q, outcome)
	ordered := span.Lap()
	pace := span.Settle()
	made, ordered = time.Duration(float64(made)*pace), time.Duration(float64(ordered)*pace)
	n := uint32(len(q.desk.IDs))
	features, ranked := &q.stages[0], &q.stages[1]
	features.Name, features.CpuNanos, features.CandidatesIn, features.CandidatesOut = stageFeatures, uint64(made), n, n
	features.Bytes, features.RedisOps, features.CacheHits = uint64(q.read.Bytes), uint32(q.read.RedisOps), uint32(q.read.CacheHits)
	ranked.Name, ranked.Variant, ranked.CandidatesIn, ranked.CandidatesOut = stageRank, q.reply.Variant, n, n
	ranked.CpuNanos = uint64(ordered)
	answer, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 0, len(q.reply.Scores)+replyRest), &q.reply)
	// What it cost to write the answer cannot stand in it; the ledger has it.
	r.kit.Ledger.Claim(made + ordered + span.Leave())
	return answer, err
}

// replyRest is more than an answer holds beside its scores.
const replyRest = 256

// open decodes a request and checks it. The errors are of code Invalid.
func (r *room) open(q *query, request []byte) error {
	if err := proto.Unmarshal(request, &q.request); err != nil {
		return wire.Errorf(wire.Invalid, "rank request: %v", err)
	}
	if q.request.Candidates == nil {
		q.request.Candidates = &wire.Columns{}
	}
	candidates := q.request.Candidates
	if err := candidates.Check(); err != nil {
		return &wire.Error{Code: wire.Invalid, Field: "candidates", Text: err.Error()}
	}
	if n := candidates.Len(); n > r.config.Candidates {
		return &wire.Error{Code: wire.Invalid, Field: "candidates", Text: "are too many"}
	}
	q.desk.Take(candidates)
	q.reply.Degraded, q.read = q.reply.Degraded[:0], online.Read{}
	return nil
}

// fetch reads the rows of the shopper and of the candidates.
func (r *room) fetch(ctx context.Context, q *query) error {
	shopper := shop.ShopperID(q.request.Shopper)
	if q.request.Anonymous {
		shopper = ""
	}
	read, err := r.kit.Online.Fetch(ctx, shopper, &q.desk.Shopper, q.desk.IDs, q.desk.Rows)
	q.read = read
	if read.Missing {
		q.reply.Degraded = append(q.reply.Degraded, noRows)
	}
	return err
}

// features makes the vectors.
func (r *room) features(q *query) {
	now := r.kit.Clock()
	if micros := q.request.NowMicros; micros > 0 {
		now = time.UnixMicro(micros)
	}
	question := feature.Question{Shopper: &q.desk.Shopper, Query: q.request.Query, Now: now}
	if m := r.neighbours.Load(); m != nil {
		question.Neighbours = m
	} else {
		q.reply.Degraded = append(q.reply.Degraded, noNeighbours)
	}
	q.desk.Features(r.extractor, r.catalogue, question, q.request.ContextItems)
}

// account counts what became of a query.
func (r *room) account(q *query, outcome string) {
	r.metrics.queries.WithLabelValues(outcome).Inc()
	r.metrics.candidates.Add(float64(len(q.desk.IDs)))
	for _, reason := range q.reply.Degraded {
		r.metrics.degraded.WithLabelValues(reason).Inc()
	}
}
