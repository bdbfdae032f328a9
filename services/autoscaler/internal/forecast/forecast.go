// Package forecast says how much will be asked of a service until replicas that are ordered now are ready: experts guess, and each
// is corrected by the errors that it made of late, so that all are equally safe and the cheapest can be followed.
package forecast

import (
	"math"
	"time"
)

// experts are the ways to guess, in the order of their numbers.
var experts = [...]string{"last 10s", "last 60s", "trend", "yesterday", "last week"}

const (
	tenSeconds = iota
	minute
	trend
	yesterday
	lastWeek
)

const (
	// kept is how long rates are remembered; horizons are not longer.
	kept = 15 * time.Minute
	// smooth is over how long the rate is averaged whose peak must be served: shorter excesses wait in queues or take the cheaper
	// path, and at 100 requests a second a shorter mean would be mostly noise.
	smooth = 15 * time.Second
	// memory is the half-life of what an expert's errors count for.
	memory = 30 * time.Minute
	// pace is by how much the level moves per step towards its goal, as in adaptive conformal inference (Gibbs and Candès 2021,
	// equation 2); the value is from the design, where it was measured.
	pace = 0.02
	// slot is the grain of the shape of the week.
	slot  = 5 * time.Minute
	slots = int(7 * 24 * time.Hour / slot)
)

// Forecaster remembers the demand of one service. It is used by one goroutine; its fields are exported to be stored as JSON.
type Forecaster struct {
	// Recent are the steps of the last minutes, the oldest first.
	Recent []Step `json:"recent,omitempty"`
	// Pending are forecasts whose horizon has not passed.
	Pending []Pending `json:"pending,omitempty"`
	// Errors of each expert, and the mean of what following it would have served.
	Errors [len(experts)]Errors `json:"errors"`
	// Level is the chance to fall short that is in force.
	Level float64 `json:"level"`
	// Week is the mean rate of each five minutes, by time since the epoch modulo a week; 0 is unknown.
	Week []float32 `json:"week,omitempty"`
	// SlotSum and SlotSeconds gather the slot of now.
	SlotSum     float64 `json:"slot_sum"`
	SlotSeconds float64 `json:"slot_seconds"`
}

// Step is what was asked in the time before At.
type Step struct {
	At      time.Time `json:"at"`
	Count   float64   `json:"count"`
	Seconds float64   `json:"seconds"`
	// Smooth is the rate of the last 15 s at that time.
	Smooth float64 `json:"smooth"`
}

// Pending is what the experts said at a time of the peak until Until, and what was made of it.
type Pending struct {
	At    time.Time             `json:"at"`
	Until time.Time             `json:"until"`
	Guess [len(experts)]float64 `json:"guess"`
	Need  float64               `json:"need"`
}

// Forecast is what may be asked within the horizon, in requests per second.
type Forecast struct {
	// Now is the rate of the last 10 s.
	Now float64
	// Peak is what the expert guesses, Quantile the factor that covers its errors at Level, Floor what is surely there already.
	Peak, Quantile, Level, Floor float64
	Expert                       string
	// Need is the greater of Peak * Quantile and Floor.
	Need float64
}

// Scored is a forecast whose horizon has passed.
type Scored struct {
	At         time.Time
	Need, Peak float64
}

// Note adds what was asked in the window before now, and returns the forecasts whose horizon has passed. Steps that are not after
// the last, as when a clock was set back, make it begin anew with what it has learnt.
func (f *Forecaster) Note(now time.Time, count float64, window time.Duration) []Scored {
	if n := len(f.Recent); n > 0 && !now.After(f.Recent[n-1].At) {
		f.Recent, f.Pending = nil, nil
	}
	f.Recent = append(f.Recent, Step{At: now, Count: count, Seconds: window.Seconds()})
	last := &f.Recent[len(f.Recent)-1]
	last.Smooth = f.over(smooth)
	drop := 0
	for drop < len(f.Recent)-1 && now.Sub(f.Recent[drop].At) > kept {
		drop++
	}
	f.Recent = f.Recent[drop:]
	f.learnShape(now, count, window.Seconds())
	return f.score(now)
}

// score settles the forecasts whose horizon has passed.
func (f *Forecaster) score(now time.Time) []Scored {
	var scored []Scored
	for len(f.Pending) > 0 && !f.Pending[0].Until.After(now) {
		p := &f.Pending[0]
		peak := 0.0
		for i := len(f.Recent) - 1; i >= 0 && f.Recent[i].At.After(p.At); i-- {
			if !f.Recent[i].At.After(p.Until) {
				peak = max(peak, f.Recent[i].Smooth)
			}
		}
		for e, guess := range p.Guess {
			if guess > 0 && peak > 0 {
				f.Errors[e].add(math.Log(peak/guess), now)
			}
		}
		if p.Need > 0 {
			scored = append(scored, Scored{At: p.At, Need: p.Need, Peak: peak})
		}
		f.Pending = f.Pending[1:]
	}
	return scored
}

// Forget drops what is recent and keeps what was learnt: after a gap in the signals.
func (f *Forecaster) Forget() { f.Recent, f.Pending, f.SlotSum, f.SlotSeconds = nil, nil, 0, 0 }

// Ahead returns the forecast for the time until horizon from now. goal is the chance to fall short that the level is moved to, and
// short the part of what is forecast that may be beyond it in the mean. known is false before anything was noted.
func (f *Forecaster) Ahead(now time.Time, horizon time.Duration, goal, short float64) (out Forecast, known bool) {
	if len(f.Recent) == 0 {
		return out, false
	}
	if f.Level == 0 {
		f.Level = goal
	}
	ten := f.over(10 * time.Second)
	out = Forecast{Now: ten, Level: f.Level, Floor: floor(ten, 10)}
	guesses := f.guess(now, min(horizon, kept))
	best := math.Inf(1)
	for e, guess := range guesses {
		if guess <= 0 {
			continue
		}
		// All are equally safe; the one that has served the least for it of late is followed.
		factor := max(f.Errors[e].Quantile(1-f.Level), f.Errors[e].Cover(short))
		if served := guess * factor * math.Exp(f.Errors[e].spread()); served < best {
			best = served
			out.Peak, out.Quantile, out.Expert = guess, factor, experts[e]
		}
	}
	out.Need = max(out.Peak*out.Quantile, out.Floor)
	f.Pending = append(f.Pending, Pending{At: now, Until: now.Add(min(horizon, kept)), Guess: guesses, Need: out.Need})
	return out, true
}

// Adapt moves the level by whether a forecast fell short.
func (f *Forecaster) Adapt(s Scored, goal float64) {
	missed := 0.0
	if s.Peak > s.Need {
		missed = 1
	}
	f.Level = min(0.9, max(goal/10, f.Level+pace*(goal-missed)))
}

// Rate returns the rate of the last minute, 0 before anything was noted.
func (f *Forecaster) Rate() float64 { return f.Before(0) }

// Before returns the rate of the minute that ended d ago, 0 when it is not remembered.
func (f *Forecaster) Before(d time.Duration) float64 {
	if len(f.Recent) == 0 {
		return 0
	}
	until := f.Recent[len(f.Recent)-1].At.Add(-d)
	count, seconds := 0.0, 0.0
	for i := range f.Recent {
		if s := &f.Recent[i]; !s.At.After(until) && until.Sub(s.At) < time.Minute {
			count, seconds = count+s.Count, seconds+s.Seconds
		}
	}
	if seconds == 0 {
		return 0
	}
	return count / seconds
}

// floor is the rate that n seconds of Poisson arrivals at a mean surely had: two standard deviations less.
func floor(rate, n float64) float64 { return max(0, rate-2*math.Sqrt(rate/n)) }

// over returns the mean rate of the last d, of one step at least.
func (f *Forecaster) over(d time.Duration) float64 {
	count, seconds := 0.0, 0.0
	last := f.Recent[len(f.Recent)-1].At
	for i := len(f.Recent) - 1; i >= 0 && (seconds == 0 || last.Sub(f.Recent[i].At) < d); i-- {
		count += f.Recent[i].Count
		seconds += f.Recent[i].Seconds
	}
	if seconds == 0 {
		return 0
	}
	return count / seconds
}

// guess asks every expert; one that knows nothing says 0.
func (f *Forecaster) guess(now time.Time, horizon time.Duration) [len(experts)]float64 {
	var g [len(experts)]float64
	g[tenSeconds], g[minute] = f.over(10*time.Second), f.over(time.Minute)
	g[trend] = f.line(now, horizon)
	g[yesterday] = f.shaped(now, horizon, 24*time.Hour)
	g[lastWeek] = f.shaped(now, horizon, 7*24*time.Hour)
	return g
}

// trendSpan is the time through which the trend is drawn.
const trendSpan = 3 * time.Minute

// line extends the least-squares line through the last three minutes; 0 while they have not passed.
func (f *Forecaster) line(now time.Time, horizon time.Duration) float64 {
	var n, sx, sy, sxx, sxy float64
	oldest := now
	for i := len(f.Recent) - 1; i >= 0 && now.Sub(f.Recent[i].At) < trendSpan; i-- {
		s := &f.Recent[i]
		x, y := s.At.Sub(now).Seconds()-s.Seconds/2, s.Count/s.Seconds
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		oldest = s.At
	}
	d := n*sxx - sx*sx
	if now.Sub(oldest) < trendSpan/2 || d <= 0 {
		return 0
	}
	slope := (n*sxy - sx*sy) / d
	mean := (sy - slope*sx) / n
	// A line is not followed below what is there now: a fall needs no replicas in advance.
	return max(mean+slope*horizon.Seconds(), f.over(time.Minute))
}

// learnShape adds to the shape of the week.
func (f *Forecaster) learnShape(now time.Time, count, seconds float64) {
	f.SlotSum, f.SlotSeconds = f.SlotSum+count, f.SlotSeconds+seconds
	before := now.Add(-time.Duration(seconds * float64(time.Second)))
	if now.Truncate(slot).Equal(before.Truncate(slot)) {
		return
	}
	if len(f.Week) != slots {
		f.Week = make([]float32, slots)
	}
	f.Week[index(before)] = float32(max(f.SlotSum/f.SlotSeconds, 1e-6))
	f.SlotSum, f.SlotSeconds = 0, 0
}

func index(t time.Time) int {
	// A time before 1970, which a trace that begins at 0 has a week before it, is counted from the end.
	return (int(t.Unix()/int64(slot/time.Second))%slots + slots) % slots
}

// shaped is the rate of now, moved as it moved at the same time one period ago; 0 when that is unknown.
func (f *Forecaster) shaped(now time.Time, horizon, period time.Duration) float64 {
	if len(f.Week) != slots {
		return 0
	}
	then := now.Add(-period)
	from, to := f.shape(then), f.shape(then.Add(horizon))
	if period == 7*24*time.Hour {
		// The slot of now is being written: what it holds is a week old, and so are those ahead of it.
		from = f.shape(now)
		to = f.shape(now.Add(horizon))
	}
	if from <= 0 || to <= 0 {
		return 0
	}
	return f.over(time.Minute) * to / from
}

// shape interpolates between the middles of two slots; 0 when either is unknown.
func (f *Forecaster) shape(t time.Time) float64 {
	begin := t.Add(-slot / 2)
	a, b := float64(f.Week[index(begin)]), float64(f.Week[index(begin.Add(slot))])
	if a <= 0 || b <= 0 {
		return 0
	}
	x := float64(begin.Sub(begin.Truncate(slot))) / float64(slot)
	return a + (b-a)*x
}
