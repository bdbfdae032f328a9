package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/keyring"
	"github.com/haggle-commerce/haggle/services/gateway/internal/problem"
	"github.com/haggle-commerce/haggle/services/gateway/internal/request"
	"github.com/haggle-commerce/haggle/services/gateway/internal/strict"
)

// search answers POST /v1/search.
func (x *exchange) search(r *http.Request) error {
	x.reader.Reset(x.body)
	q := request.ReadSearch(&x.reader)
	if faults := x.reader.Faults(); len(faults) > 0 {
		return problem.Of(faults, x.reader.Malformed())
	}
	return x.reply(r, x.gate.desk.askSearch(x.keys, &q), 4)
}

// recommend answers POST /v1/recommend/{placement}.
func (x *exchange) recommend(r *http.Request) error {
	q := request.Recommend{PageSize: request.DefaultPage}
	if len(x.body) > 0 {
		x.reader.Reset(x.body)
		q = request.ReadRecommend(&x.reader)
	}
	faults, malformed := x.reader.Faults(), x.reader.Malformed()
	if len(x.body) == 0 {
		faults, malformed = nil, false
	}
	q.Placement = pathValue(r, "placement")
	if reason := request.CheckPlacement(q.Placement); reason != "" {
		faults = append(faults, strict.Fault{Field: "placement", Reason: reason})
	}
	if len(faults) > 0 {
		return problem.Of(faults, malformed)
	}
	return x.reply(r, x.gate.desk.askRecommend(x.keys, &q), 3)
}

// similar answers GET /v1/items/{id}/similar.
func (x *exchange) similar(r *http.Request) error { return x.related(r, false) }

// together answers GET /v1/items/{id}/bought-together.
func (x *exchange) together(r *http.Request) error { return x.related(r, true) }

func (x *exchange) related(r *http.Request, together bool) error {
	p := strict.ReadParams(r.URL.RawQuery)
	q := request.ReadRelated(pathValue(r, "id"), together, p)
	if faults := p.Faults(); len(faults) > 0 {
		return problem.Of(faults, p.Malformed())
	}
	return x.reply(r, x.gate.desk.askRelated(x.keys, &q), 3)
}

// trending answers GET /v1/trending.
func (x *exchange) trending(r *http.Request) error {
	p := strict.ReadParams(r.URL.RawQuery)
	q := request.ReadTrending(p)
	if faults := p.Faults(); len(faults) > 0 {
		return problem.Of(faults, p.Malformed())
	}
	return x.reply(r, x.gate.desk.askTrending(x.keys, &q), 3)
}

// reply answers a query. Share is how many quarters of the room for queries those of its class may fill: searches may have
// all of it, and under overload are the last to be refused.
func (x *exchange) reply(r *http.Request, a ask, share int64) error {
	if err := x.gate.admit(share); err != nil {
		return err
	}
	defer x.gate.working.Add(-1)
	d, w := x.gate.desk, x.work()
	a.begin = x.begin
	found, err := d.run(r.Context(), x.watch, x.keys, &a, x.ID, w)
	if err != nil {
		return err
	}
	x.answer, x.cheap = found, len(found.Degraded) > 0
	x.buf = found.AppendJSON(x.buf[:0])
	x.closeBill(found)
	if x.scope == keyring.Secret {
		d.bill(found)
	}
	x.buf = found.AppendEnd(x.buf)
	x.send(http.StatusOK, x.buf)
	return nil
}

// autocomplete answers GET /v1/autocomplete.
func (x *exchange) autocomplete(r *http.Request) error {
	p := strict.ReadParams(r.URL.RawQuery)
	q := request.ReadComplete(p)
	if faults := p.Faults(); len(faults) > 0 {
		return problem.Of(faults, p.Malformed())
	}
	if err := x.gate.admit(2); err != nil {
		return err
	}
	defer x.gate.working.Add(-1)
	found := x.gate.desk.complete(r.Context(), x.watch, &q, x.begin, x.ID, x.work())
	x.answer, x.cheap = found, len(found.Degraded) > 0
	x.bookTransport(found)
	x.costHeaders(found)
	x.buf = found.asCompletions().AppendJSON(x.buf[:0])
	x.send(http.StatusOK, x.buf)
	return nil
}

// work returns the memory for a query; it goes back when the exchange ends.
func (x *exchange) work() *work {
	if x.memory == nil {
		x.memory = x.gate.desk.works.Get().(*work)
	}
	return x.memory
}

// closeBill prices the query and writes the headers that say so.
func (x *exchange) closeBill(r *reply) {
	x.bookTransport(r)
	x.gate.desk.close(r, x.watch, x.gate.kit.Clock().Sub(x.begin))
	x.costHeaders(r)
}

// bookTransport puts what bringing the request here took on the bill.
func (x *exchange) bookTransport(r *reply) {
	if x.transport > 0 {
		// The gateway's own stage stays the last: it is not over yet.
		r.stages = slices.Insert(r.stages, 0, cost.Stage{Name: "http", CPU: x.transport})
		r.inner <<= 1
	}
}

// costHeaders sets Haggle-Cost and Server-Timing, which browsers show in their own tools.
func (x *exchange) costHeaders(r *reply) {
	var memory [160]byte
	b := strconv.AppendFloat(append(memory[:0], "unit=nano-usd; marginal="...), r.marginal, 'f', 2, 64)
	b = strconv.AppendFloat(append(b, "; full="...), r.full, 'f', 2, 64)
	b = strconv.AppendFloat(append(b, "; cpu_us="...), micros(r.cpu), 'f', 1, 64)
	h := x.Header()
	h["Haggle-Cost"] = []string{string(b)}
	b = appendTiming(memory[:0], "recall;dur=", r.recallTime)
	if r.rankTime > 0 {
		b = appendTiming(append(b, ", "...), "rank;dur=", r.rankTime)
	}
	b = strconv.AppendFloat(append(b, ", total;dur="...), r.TookMillis, 'f', 3, 64)
	h["Server-Timing"] = []string{string(b)}
}

func appendTiming(b []byte, name string, d time.Duration) []byte {
	return strconv.AppendFloat(append(b, name...), float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// admit makes room for a query of a class that may fill share quarters of it.
func (g *gateway) admit(share int64) error {
	if g.working.Add(1)*4 <= g.most*share {
		return nil
	}
	g.working.Add(-1)
	g.metrics.shed.WithLabelValues("concurrency").Inc()
	p := problem.New(http.StatusServiceUnavailable, problem.Overloaded, "too many queries are being answered at once")
	p.RetryAfter = 1
	return p
}

// pathValue returns a part of the path, unescaped.
func pathValue(r *http.Request, name string) string {
	v := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// pathItem returns the id in the path, or a problem.
func pathItem(r *http.Request) (shop.ItemID, error) {
	id := pathValue(r, "id")
	if reason := shop.IDFault(id); reason != "" {
		return "", problem.OfField("id", reason)
	}
	return shop.ItemID(id), nil
}
