package synth

import (
	"math"
	"time"
)

// demand is how much each product and each type is wanted on the current day.
type demand struct {
	*catalogue
	start time.Time
	days  int
	today int
	// popularity per product; 0 before it is launched. Its running sums serve the lists of favourites.
	popularity []float32
	logged     []float32
	sums       []float32
	// season per type, around 1.
	season []float32
}

func newDemand(c *catalogue, start time.Time, days int) *demand {
	n := len(c.products)
	return &demand{
		catalogue: c, start: start, days: days, today: -1, popularity: make([]float32, n), logged: make([]float32, n),
		sums: make([]float32, n), season: make([]float32, len(c.kinds)),
	}
}

// turn moves to the day of a moment: seasons, novelties that fade, and bursts.
func (d *demand) turn(now time.Time) {
	today := int(now.Sub(d.start) / day)
	if today == d.today {
		return
	}
	d.today = today
	weekend := now.Weekday() == time.Saturday || now.Weekday() == time.Sunday
	for i := range d.kinds {
		k := &d.kinds[i]
		u := 0.0
		if k.peak > 0 {
			// The cosine has its top in the middle of the peak month.
			angle := 2 * math.Pi * (float64(now.YearDay()) - (float64(k.peak)-0.5)*365/12) / 365
			u = 1.3 * k.swing * math.Cos(angle)
		}
		if weekend {
			u += math.Log(d.departments[d.categories[k.category].department].weekend)
		}
		d.season[i] = float32(math.Exp(u))
	}
	millis := now.UnixMilli()
	var sum float32
	for i := range d.products {
		p := &d.products[i]
		d.popularity[i] = 0
		if p.launched <= millis {
			d.popularity[i] = p.appeal * d.season[p.kind] * d.fashion(p, millis)
			d.logged[i] = float32(math.Log(float64(d.popularity[i])))
		}
		sum += d.popularity[i]
		d.sums[i] = sum
	}
}

// fashion is the part of a product's popularity that moves: it fades from its launch, where its department cares for
// novelties, and rises fivefold for four days where it has a burst.
func (d *demand) fashion(p *product, millis int64) float32 {
	f := 1.0
	if half := d.departments[d.categories[d.kinds[p.kind].category].department].halfLife; half > 0 {
		age := float64(millis-p.launched) / float64(day.Milliseconds())
		f = 0.4 + 1.6*math.Exp2(-age/half)
	}
	if since := d.today - int(p.burst); p.burst >= 0 && since >= 0 && since < 4 {
		f *= 5
	}
	return float32(f)
}

// hours is how many sessions begin in each hour of the day, as weights: a quiet night, a peak in the evening.
var hours = [24]float64{3, 2, 1, 1, 1, 2, 3, 5, 7, 8, 9, 9, 10, 9, 8, 8, 9, 10, 12, 14, 15, 13, 9, 5}

// traffic is the weight of an hour of the log: by the hour of the day, the day of the week, and a slow growth.
func traffic(at, start time.Time) float64 {
	w := hours[at.Hour()] * (1 + 0.004*at.Sub(start).Hours()/24)
	switch at.Weekday() {
	case time.Sunday:
		w *= 1.25
	case time.Saturday:
		w *= 1.15
	}
	return w
}
