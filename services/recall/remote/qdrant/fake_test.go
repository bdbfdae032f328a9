package qdrant

import (
	"context"
	"math"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// fake is a server that speaks the part of Qdrant's protocol that is used here, over gRPC, and evaluates filters and vectors point by
// point as Qdrant's documentation says. It shows that the parts of the adapter fit together, and not that Qdrant does the same.
type fake struct {
	qdrant.UnimplementedPointsServer
	qdrant.UnimplementedQdrantServer

	mu      sync.Mutex
	exists  bool
	indexed []string
	points  map[string]*qdrant.PointStruct
	// faults are what the next calls return instead.
	faults []error
	calls  int
}

// begin locks, counts a call and returns the fault that it ends in.
func (f *fake) begin() error {
	f.mu.Lock()
	f.calls++
	if len(f.faults) == 0 {
		return nil
	}
	err := f.faults[0]
	f.faults = f.faults[1:]
	return err
}

// startFake returns a server and the address that it is found by.
func startFake(t *testing.T) (*fake, retrieve.Address) {
	t.Helper()
	f := &fake{points: map[string]*qdrant.PointStruct{}}
	server := grpc.NewServer()
	qdrant.RegisterCollectionsServer(server, collections{fake: f})
	qdrant.RegisterPointsServer(server, f)
	qdrant.RegisterQdrantServer(server, f)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return f, retrieve.Address{Kind: retrieve.Qdrant, Host: listener.Addr().String(), Collection: "items"}
}

func (f *fake) HealthCheck(context.Context, *qdrant.HealthCheckRequest) (*qdrant.HealthCheckReply, error) {
	defer f.mu.Unlock()
	return &qdrant.HealthCheckReply{Title: "fake"}, f.begin()
}

// collections is the part of the server that makes collections.
type collections struct {
	qdrant.UnimplementedCollectionsServer
	fake *fake
}

func (c collections) CollectionExists(context.Context, *qdrant.CollectionExistsRequest) (*qdrant.CollectionExistsResponse, error) {
	defer c.fake.mu.Unlock()
	err := c.fake.begin()
	return &qdrant.CollectionExistsResponse{Result: &qdrant.CollectionExists{Exists: c.fake.exists}}, err
}

func (c collections) Create(context.Context, *qdrant.CreateCollection) (*qdrant.CollectionOperationResponse, error) {
	defer c.fake.mu.Unlock()
	if err := c.fake.begin(); err != nil {
		return nil, err
	}
	if c.fake.exists {
		return nil, status.Error(codes.AlreadyExists, "Collection `items` already exists!")
	}
	c.fake.exists = true
	return &qdrant.CollectionOperationResponse{Result: true}, nil
}

func (f *fake) CreateFieldIndex(_ context.Context, r *qdrant.CreateFieldIndexCollection) (*qdrant.PointsOperationResponse, error) {
	defer f.mu.Unlock()
	err := f.begin()
	f.indexed = append(f.indexed, r.GetFieldName())
	return &qdrant.PointsOperationResponse{Result: &qdrant.UpdateResult{}}, err
}

func (f *fake) Upsert(_ context.Context, r *qdrant.UpsertPoints) (*qdrant.PointsOperationResponse, error) {
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	for _, p := range r.GetPoints() {
		f.points[p.GetId().GetUuid()] = p
	}
	return &qdrant.PointsOperationResponse{Result: &qdrant.UpdateResult{}}, nil
}

func (f *fake) Delete(_ context.Context, r *qdrant.DeletePoints) (*qdrant.PointsOperationResponse, error) {
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	for _, id := range r.GetPoints().GetPoints().GetIds() {
		delete(f.points, id.GetUuid())
	}
	return &qdrant.PointsOperationResponse{Result: &qdrant.UpdateResult{}}, nil
}

func (f *fake) Count(_ context.Context, r *qdrant.CountPoints) (*qdrant.CountResponse, error) {
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	return &qdrant.CountResponse{Result: &qdrant.CountResult{Count: uint64(len(f.passing(r.GetFilter())))}}, nil
}

func (f *fake) Scroll(_ context.Context, r *qdrant.ScrollPoints) (*qdrant.ScrollResponse, error) {
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	reply := &qdrant.ScrollResponse{}
	for _, p := range f.passing(r.GetFilter()) {
		if len(reply.Result) < int(r.GetLimit()) {
			reply.Result = append(reply.Result, &qdrant.RetrievedPoint{Id: p.Id, Payload: p.Payload})
		}
	}
	return reply, nil
}

func (f *fake) Query(_ context.Context, r *qdrant.QueryPoints) (*qdrant.QueryResponse, error) {
	defer f.mu.Unlock()
	if err := f.begin(); err != nil {
		return nil, err
	}
	if len(r.GetPrefetch()) == 0 {
		return &qdrant.QueryResponse{Result: f.nearest(r.GetQuery(), r.GetUsing(), r.GetFilter(), r.GetLimit())}, nil
	}
	fused := map[string]*qdrant.ScoredPoint{}
	for _, p := range r.GetPrefetch() {
		for rank, hit := range f.nearest(p.GetQuery(), p.GetUsing(), p.GetFilter(), p.GetLimit()) {
			id := hit.GetId().GetUuid()
			if fused[id] == nil {
				fused[id] = &qdrant.ScoredPoint{Id: hit.Id, Payload: hit.Payload}
			}
			fused[id].Score += 1 / float32(2+rank)
		}
	}
	var hits []*qdrant.ScoredPoint
	for _, hit := range fused {
		hits = append(hits, hit)
	}
	return &qdrant.QueryResponse{Result: best(hits, r.GetLimit())}, nil
}

func best(hits []*qdrant.ScoredPoint, limit uint64) []*qdrant.ScoredPoint {
	slices.SortFunc(hits, func(a, b *qdrant.ScoredPoint) int {
		if a.Score != b.Score {
			return int(math.Copysign(1, float64(b.Score-a.Score)))
		}
		return 0
	})
	return hits[:min(len(hits), int(limit))]
}

// passing are the points that pass a filter, by their ids.
func (f *fake) passing(filter *qdrant.Filter) []*qdrant.PointStruct {
	var ids []string
	for id := range f.points {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var points []*qdrant.PointStruct
	for _, id := range ids {
		if p := f.points[id]; passes(filter, id, p.GetPayload()) {
			points = append(points, p)
		}
	}
	return points
}

// nearest scores points by the product of vectors: sparse ones with the modifier IDF, dense ones by their cosine.
func (f *fake) nearest(q *qdrant.Query, using string, filter *qdrant.Filter, limit uint64) []*qdrant.ScoredPoint {
	var hits []*qdrant.ScoredPoint
	ask := q.GetNearest()
	for _, p := range f.passing(filter) {
		v := p.GetVectors().GetVectors().GetVectors()[using]
		score, meets := float32(0), false
		switch {
		case v == nil:
		case using == words:
			for i, index := range ask.GetSparse().GetIndices() {
				if at := slices.Index(v.GetSparse().GetIndices(), index); at >= 0 {
					score += ask.GetSparse().GetValues()[i] * v.GetSparse().GetValues()[at] * f.idf(index)
					meets = true
				}
			}
		default:
			a, b, product := 0.0, 0.0, 0.0
			for i, x := range ask.GetDense().GetData() {
				y := v.GetDense().GetData()[i]
				a, b, product = a+float64(x*x), b+float64(y*y), product+float64(x*y)
			}
			score, meets = float32(product/math.Sqrt(a*b)), true
		}
		if meets {
			hits = append(hits, &qdrant.ScoredPoint{Id: p.Id, Payload: p.Payload, Score: score})
		}
	}
	return best(hits, limit)
}

func (f *fake) idf(index uint32) float32 {
	n := 0.0
	for _, p := range f.points {
		if slices.Contains(p.GetVectors().GetVectors().GetVectors()[words].GetSparse().GetIndices(), index) {
			n++
		}
	}
	return float32(math.Log(1 + (float64(len(f.points))-n+0.5)/(n+0.5)))
}

func passes(filter *qdrant.Filter, id string, payload map[string]*qdrant.Value) bool {
	holds := func(c *qdrant.Condition) bool { return holds(c, id, payload) }
	return !slices.ContainsFunc(filter.GetMust(), func(c *qdrant.Condition) bool { return !holds(c) }) &&
		!slices.ContainsFunc(filter.GetMustNot(), holds) &&
		(len(filter.GetShould()) == 0 || slices.ContainsFunc(filter.GetShould(), holds))
}

func holds(c *qdrant.Condition, id string, payload map[string]*qdrant.Value) bool {
	switch {
	case c.GetFilter() != nil:
		return passes(c.GetFilter(), id, payload)
	case c.GetHasId() != nil:
		return slices.ContainsFunc(c.GetHasId().GetHasId(), func(p *qdrant.PointId) bool { return p.GetUuid() == id })
	case c.GetNested() != nil:
		return slices.ContainsFunc(payload[c.GetNested().GetKey()].GetListValue().GetValues(), func(v *qdrant.Value) bool {
			return passes(c.GetNested().GetFilter(), id, v.GetStructValue().GetFields())
		})
	}
	v, ok := payload[c.GetField().GetKey()]
	if !ok {
		return false
	}
	values := v.GetListValue().GetValues()
	if v.GetListValue() == nil {
		values = []*qdrant.Value{v}
	}
	return slices.ContainsFunc(values, func(v *qdrant.Value) bool { return matches(c.GetField(), v) })
}

func matches(c *qdrant.FieldCondition, v *qdrant.Value) bool {
	if r := c.GetRange(); r != nil {
		x := v.GetDoubleValue()
		if _, whole := v.GetKind().(*qdrant.Value_IntegerValue); whole {
			x = float64(v.GetIntegerValue())
		}
		return (r.Gt == nil || x > *r.Gt) && (r.Gte == nil || x >= *r.Gte) && (r.Lt == nil || x < *r.Lt) && (r.Lte == nil || x <= *r.Lte)
	}
	switch m := c.GetMatch().GetMatchValue().(type) {
	case *qdrant.Match_Boolean:
		return v.GetBoolValue() == m.Boolean
	case *qdrant.Match_Keyword:
		return v.GetStringValue() == m.Keyword
	case *qdrant.Match_Keywords:
		return slices.Contains(m.Keywords.GetStrings(), v.GetStringValue())
	}
	return false
}
