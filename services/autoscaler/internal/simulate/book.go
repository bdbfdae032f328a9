package simulate

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/services/autoscaler/internal/money"
)

// Ledger is the bill of a run and what it was for, in billionths of a dollar: Bill is reckoned from the hours of the replicas,
// the window from the work of each ten seconds, and the two must agree exactly.
type Ledger struct {
	Bill cost.Bill `json:"bill"`
	money.Window
}

// book keeps the ledger of a run.
type book struct {
	ledger Ledger
	// used is the replica seconds of each fleet that are paid for, billed what its ledger has of them.
	used   map[*fleet]float64
	billed map[*fleet]cost.Bill
	until  map[*replica]float64
	// carry is the work of replicas that have left since the last writing.
	carry map[*fleet]float64
	// waste counts refused requests since the last writing.
	waste, quality float64
	direction      int
}

func newBook() *book {
	return &book{used: map[*fleet]float64{}, billed: map[*fleet]cost.Bill{}, until: map[*replica]float64{}, carry: map[*fleet]float64{}}
}

// pay notes that a replica is paid for until a time.
func (b *book) pay(f *fleet, r *replica, until float64) {
	from, known := b.until[r]
	if !known {
		from = r.created
	}
	b.used[f] += max(0, until-from)
	b.until[r] = max(from, until)
	b.carry[f] += r.busy
	r.busy = 0
}

// leave pays for a replica that is gone.
func (b *book) leave(f *fleet, r *replica) {
	b.pay(f, r, r.gone)
	delete(b.until, r)
}

// refusal is the worker time that refusing a request takes, in seconds: a reply without work.
const refusal = 0.0002

// write divides what the last seconds cost.
func (b *book) write(w *world, now float64) {
	for _, f := range w.fleets {
		before := b.used[f]
		for _, r := range f.all {
			until := now
			if r.gone > 0 {
				until = min(until, r.gone)
			}
			b.pay(f, r, until)
		}
		total := money.Bill(f.Price, seconds(b.used[f]))
		bill := total - b.billed[f]
		b.billed[f] = total
		b.ledger.Add(money.Split(bill, seconds(b.carry[f]), seconds(b.waste*refusal), seconds((b.used[f]-before)*float64(f.Workers))))
		b.carry[f] = 0
	}
	b.waste = 0
}

// close ends the book at the end of the run.
func (b *book) close(w *world) {
	b.write(w, w.result.Seconds)
	for _, f := range w.fleets {
		w.result.ReplicaHours += b.used[f] / 3600
		w.result.Dollars += b.used[f] / 3600 * f.Price
		b.ledger.Bill += money.Bill(f.Price, seconds(b.used[f]))
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }
