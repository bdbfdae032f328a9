package autoscaler

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/decide"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/demand"
)

const (
	// planKey is the key of the plan in the bucket of plans.
	planKey = "plan"
	// storeWait bounds a write of the plan.
	storeWait = 2 * time.Second
	// abandoned is after how many missed plans another writer counts as gone.
	abandoned = 3
)

// adviser joins the cores to the bus.
type adviser struct {
	kit     service.Kit
	config  Config
	look    time.Duration
	decider decide.Decider
	last    decide.Plan
	standby bool

	mu       sync.Mutex // guards observer, which listening and planning share
	observer demand.Observer

	replicas *prometheus.GaugeVec
	price    *prometheus.GaugeVec
	refused  prometheus.Counter
}

func newAdviser(kit service.Kit, c Config) (*adviser, error) {
	a := &adviser{
		kit: kit, config: c, look: look,
		replicas: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "haggle_autoscaler_replicas", Help: "Replicas of each pool, now and by the plan."}, []string{"pool", "state"}),
		price:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "haggle_autoscaler_price_dollars_per_hour", Help: "Price of all replicas, now and by the plan."}, []string{"state"}),
		refused:  prometheus.NewCounter(prometheus.CounterOpts{Name: "haggle_autoscaler_vitals_refused_total", Help: "Vitals that could not be read or believed."}),
	}
	for _, metric := range []prometheus.Collector{a.replicas, a.price, a.refused} {
		if err := kit.Metrics.Register(metric); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return a, nil
}

// run listens and plans until ctx ends, or once.
func (a *adviser) run(ctx context.Context, out io.Writer) error {
	listening, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	var failure error
	group.Go(func() {
		defer stop() // without vitals there is nothing to plan by
		failure = a.kit.Bus.Listen(listening, wire.SubjectVitals, func(_ string, message []byte) { a.hear(message) })
	})
	a.kit.Health.Ready("adviser")
	var err error
	if a.config.Once {
		err = a.once(listening, out)
	} else {
		a.keep(listening)
	}
	stop()
	group.Wait()
	if failure != nil {
		return failure
	}
	return err
}

// once prints one plan.
func (a *adviser) once(ctx context.Context, out io.Writer) error {
	timer := time.NewTimer(a.look)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	p := a.plan()
	return p.WriteTable(out)
}

// keep makes, logs and stores plans.
func (a *adviser) keep(ctx context.Context) {
	tick := time.NewTicker(a.config.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p := a.plan()
		if !decide.Same(p, a.last) {
			a.log(&p)
		}
		a.last = p
		if err := a.store(ctx, &p); err != nil && ctx.Err() == nil {
			a.kit.Log.Warn("plan not stored", "error", err)
		}
	}
}

// hear notes the vitals of an instance.
func (a *adviser) hear(message []byte) {
	m := cost.Start()
	var v wire.Vitals
	err := json.Unmarshal(message, &v)
	a.kit.Ledger.Other(m.Stop())
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || !a.observer.Add(v, a.kit.Clock()) {
		a.refused.Inc()
		a.kit.Log.Debug("vitals refused", "service", v.Service, "instance", v.Instance, "error", err)
	}
}

// plan makes a plan of what is known now.
func (a *adviser) plan() decide.Plan {
	now := a.kit.Clock()
	a.mu.Lock()
	pools := a.observer.Pools(now)
	a.mu.Unlock()
	m := cost.Start()
	p := a.decider.Plan(now, a.config.rules(), pools, a.kit.Prices)
	a.kit.Ledger.Other(m.Stop())
	p.Writer = a.kit.Instance
	a.replicas.Reset()
	for i := range p.Pools {
		a.replicas.WithLabelValues(p.Pools[i].Pool, "now").Set(float64(p.Pools[i].ReplicasNow))
		a.replicas.WithLabelValues(p.Pools[i].Pool, "plan").Set(float64(p.Pools[i].Replicas))
	}
	a.price.WithLabelValues("now").Set(p.HourNow)
	a.price.WithLabelValues("plan").Set(p.Hour)
	return p
}

// log tells what changed: a line for each pool, and one for all.
func (a *adviser) log(p *decide.Plan) {
	for i := range p.Pools {
		pool := &p.Pools[i]
		a.kit.Log.Info("plan of a pool", "pool", pool.Pool, "action", pool.Action, "replicas_now", pool.ReplicasNow, "replicas", pool.Replicas,
			"cores_now", pool.CoresNow, "cores", pool.Cores, "usd_per_hour_now", pool.HourNow, "usd_per_hour", pool.Hour, "reasons", pool.Reasons)
	}
	attributes := []any{"pools", len(p.Pools), "queries_per_second", p.QueriesPerSecond, "usd_per_hour_now", p.HourNow, "usd_per_hour", p.Hour}
	if p.PerThousand != nil {
		attributes = append(attributes, "usd_per_1k_now", *p.PerThousandNow, "usd_per_1k", *p.PerThousand)
	}
	a.kit.Log.Info("plan changed", attributes...)
}

// store writes the plan, unless another instance does: there is one writer. Of two that try at once the bucket refuses the
// second, because both name the revision that they replace.
func (a *adviser) store(ctx context.Context, p *decide.Plan) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	bucket, err := a.kit.Bus.KV(ctx, wire.BucketPlan)
	if err != nil {
		return fmt.Errorf("open the bucket of plans: %w", err)
	}
	encoded, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	entry, err := bucket.Get(ctx, planKey)
	if err != nil {
		// There is none, or it cannot be read; Create fails where there is one.
		if _, err := bucket.Create(ctx, planKey, encoded); err != nil {
			return fmt.Errorf("store the first plan: %w", err)
		}
		return nil
	}
	if a.yields(entry.Value(), p.Time) {
		return nil
	}
	if _, err := bucket.Update(ctx, planKey, encoded, entry.Revision()); err != nil {
		return fmt.Errorf("store plan: %w", err)
	}
	return nil
}

// yields reports whether another instance writes plans, and says so when that changes.
func (a *adviser) yields(stored []byte, now time.Time) bool {
	var other decide.Plan
	// A plan that cannot be read is nobody's.
	taken := json.Unmarshal(stored, &other) == nil && other.Writer != a.kit.Instance && now.Sub(other.Time).Abs() < abandoned*a.config.Every
	if taken != a.standby {
		a.standby = taken
		if taken {
			a.kit.Log.Info("standing by: another instance writes the plan", "writer", other.Writer)
		} else {
			a.kit.Log.Info("writing the plan")
		}
	}
	return taken
}
