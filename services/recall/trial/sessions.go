package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/model/session"
)

// Sessions times predictions over a window of generated sessions.
type Sessions struct {
	// Items is how many items the shop has, Sessions how many sessions the window, Asked how many predictions are timed.
	Items, Sessions, Asked int
	Seed                   uint64
}

// SessionsFigures are the figures of [Sessions].
type SessionsFigures struct {
	MedianMicros float64 `json:"median_us"`
	P99Micros    float64 `json:"p99_us"`
	PerSecond    float64 `json:"predictions_per_s"`
	// Recall is the share of the best 20 that a prediction without bounds finds too: all sessions of an item, all of them
	// neighbours and all items scored.
	Recall          float64 `json:"recall"`
	BuildCPU        float64 `json:"build_cpu_s"`
	EventsPerSecond float64 `json:"events_per_s"`
	BytesPerItem    float64 `json:"bytes_per_item"`
	BytesPerSession float64 `json:"bytes_per_session"`
	BytesPerEvent   float64 `json:"bytes_per_event"`
	Events          int     `json:"events"`
}

// listLength is how many items are asked for, compared how many predictions are compared with ones without bounds.
const (
	listLength = 20
	compared   = 200
)

// Run measures. Sessions start at an item by Zipf's law whose order drifts, so that what was popular a window ago no longer is;
// they go on to items near the last one, and now and then to another popular one.
func (s Sessions) Run(ctx context.Context, progress func(string)) (*SessionsFigures, error) {
	if s.Items < 100 || s.Items > 1<<30 || s.Sessions < 1 || s.Asked < 1 {
		return nil, fmt.Errorf("%d items, %d sessions and %d predictions: want 100 items or more, and some of each", s.Items, s.Sessions, s.Asked)
	}
	m := session.Default()
	m.Params.Sessions = s.Sessions
	x := session.New(m.Params)
	if err := x.Use(m); err != nil {
		return nil, err
	}
	d := newDrift(s)
	f := &SessionsFigures{}
	meter := cost.Start()
	events, spent := 0, time.Duration(0)
	var items []uint32
	// A tenth more than the window holds: the timed window has forgotten as many as it took in.
	for i := range s.Sessions + s.Sessions/10 {
		items = d.draw(items[:0])
		meter.Lap()
		for _, item := range items {
			x.Touch(uint64(i)+1, item)
		}
		spent += meter.Lap()
		events += len(items)
		if i%(1<<16) == 0 {
			if ctx.Err() != nil {
				meter.Stop()
				return nil, fmt.Errorf("build the index: %w", ctx.Err())
			}
			progress(fmt.Sprintf("session %d of %d", i, s.Sessions))
		}
	}
	meter.Stop()
	f.BuildCPU, f.EventsPerSecond = spent.Seconds(), float64(events)/max(spent.Seconds(), 1e-9)
	bytes, held := x.Bytes()
	f.Events = held
	f.BytesPerItem, f.BytesPerSession, f.BytesPerEvent = float64(bytes)/float64(s.Items), float64(bytes)/float64(x.Len()), float64(bytes)/float64(held)
	f.time(x, d, s.Asked)
	return f, f.compare(x, d, m.Params)
}

// time times predictions for beginnings of further sessions.
func (f *SessionsFigures) time(x *session.Index, d *drift, asked int) {
	var scratch session.Scratch
	questions := make([]session.Query, asked)
	for i := range questions {
		questions[i] = d.question()
	}
	for i := range questions[:min(asked, 200)] {
		x.Predict(&scratch, &questions[i], listLength)
	}
	took := make([]time.Duration, asked)
	total := time.Duration(0)
	meter := cost.Start()
	for i := range questions {
		x.Predict(&scratch, &questions[i], listLength)
		took[i] = meter.Lap()
		total += took[i]
	}
	meter.Stop()
	slices.Sort(took)
	f.MedianMicros, f.P99Micros = micros(took[asked/2]), micros(took[asked*99/100])
	f.PerSecond = float64(asked) / max(total.Seconds(), 1e-9)
}

// compare compares predictions with ones without bounds.
func (f *SessionsFigures) compare(x *session.Index, d *drift, p session.Params) error {
	whole := p
	whole.PerItem, whole.Neighbours, whole.Deep = 1<<30, 1<<30, 1<<16
	var scratch session.Scratch
	both, all := 0, 0
	scorer := session.Default().Scorer
	for range compared {
		q := d.question()
		fast := slices.Clone(x.Predict(&scratch, &q, listLength))
		if err := x.Use(&session.Model{Params: whole, Scorer: scorer}); err != nil {
			return err
		}
		for _, want := range x.Predict(&scratch, &q, listLength) {
			all++
			if slices.ContainsFunc(fast, func(got session.Found) bool { return got.Item == want.Item }) {
				both++
			}
		}
		if err := x.Use(&session.Model{Params: p, Scorer: scorer}); err != nil {
			return err
		}
	}
	if all == 0 {
		return errors.New("nothing is found")
	}
	f.Recall = float64(both) / float64(all)
	return nil
}

// drift generates sessions.
type drift struct {
	random *rand.Rand
	zipf   *rand.Zipf
	items  uint64
	drawn  uint64
	// turn is after how many sessions the order of popularity has moved on by one place.
	turn uint64
}

// Constants of the generated sessions: lengths and popularity are near those of Diginetica, whose sessions have 4.9 items and
// whose items follow Zipf's law with an exponent of about 1.
const (
	zipfExponent = 1.05
	zipfOffset   = 40
	meanLength   = 5
	stayShare    = 0.8
	nearby       = 20
)

func newDrift(s Sessions) *drift {
	random := rand.New(rand.NewPCG(s.Seed, 0x64726966))
	return &drift{
		random: random, zipf: rand.NewZipf(random, zipfExponent, zipfOffset, uint64(s.Items-1)), items: uint64(s.Items),
		// Over one window a tenth of the places of the order move.
		turn: uint64(max(10*s.Sessions/s.Items, 1)),
	}
}

// draw appends one session to items.
func (d *drift) draw(items []uint32) []uint32 {
	d.drawn++
	popular := func() uint64 {
		// Ranks become items by a shuffle that needs no memory: multiplication by an odd number that is prime to the items.
		rank := d.zipf.Uint64() + d.drawn/d.turn
		return rank % d.items * 2654435761 % d.items
	}
	at := popular()
	for {
		items = append(items, uint32(at))
		if d.random.Float64() < 1.0/meanLength {
			return items
		}
		if d.random.Float64() < stayShare {
			at = (at + d.items + d.random.Uint64N(2*nearby) - nearby) % d.items
		} else {
			at = popular()
		}
	}
}

// question returns the beginning of a session.
func (d *drift) question() session.Query {
	items := d.draw(nil)
	items = items[:1+d.random.IntN(len(items))]
	slices.Reverse(items)
	return session.Query{Current: items}
}
