package haggle

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/servicetest"
)

// BenchmarkMetering says what metering costs: one process answers short runs of queries in turns with its meters on and off, in
// the order on, off, off, on, so that drift cancels out. The difference of the process's CPU time per query is paired by turn and
// has a bootstrap interval; the client is in the process too, and drops out of the difference. The share is of what a receipt
// says that a query took, which leaves the client out.
func BenchmarkMetering(b *testing.B) {
	config := small(b)
	config.Items, config.Count = 5000, 30_000
	c := up(b, config)
	defer cost.Measure(true)
	servicetest.Eventually(b, time.Minute, func() error {
		if _, _, text, err := c.do(http.MethodGet, "/v1/models", nil, nil); err != nil || !strings.Contains(text, `"ranker`) {
			return errors.Join(err, fmt.Errorf("no model yet: %.100s", text))
		}
		return nil
	})
	word := c.recommend(b, "v1", "home").Results[0].Item.Title
	word, _, _ = strings.Cut(word, " ")
	receipts, asked := 0.0, 0
	turn := func(on bool) float64 {
		const queries = 100
		cost.Measure(on)
		begin := cost.ProcessCPU()
		for i := range queries {
			var a answer
			if visitor := fmt.Sprint("visitor", i%20); i%2 == 0 {
				a = c.search(b, visitor, word)
			} else {
				a = c.recommend(b, visitor, "home")
			}
			if _, rest, found := strings.Cut(a.header.Get("Haggle-Cost"), "cpu_us="); on && found {
				used, err := strconv.ParseFloat(rest, 64)
				if err != nil {
					b.Fatal(err)
				}
				receipts += used
				asked++
			}
		}
		return float64(cost.ProcessCPU()-begin) / float64(time.Microsecond) / queries
	}
	for range 6 {
		turn(true) // caches fill
	}
	receipts, asked = 0, 0
	var on, off []float64
	for b.Loop() {
		first, second, third, fourth := turn(true), turn(false), turn(false), turn(true)
		on, off = append(on, (first+fourth)/2), append(off, (second+third)/2)
	}
	d := quality.BootstrapDifference(off, on, quality.Resampling{Rounds: 2000, Seed: 1})
	each := receipts / float64(max(asked, 1))
	b.ReportMetric(each, "receipt-us/query")
	b.ReportMetric(d.Mean, "metering-us/query")
	b.ReportMetric(100*d.Low/each, "low-%")
	b.ReportMetric(100*d.Mean/each, "mean-%")
	b.ReportMetric(100*d.High/each, "high-%")
}
