package haggle

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/servicetest"
)

// BenchmarkMetering says what metering costs: one process, with the generated shop at its usual size, answers short runs of queries in
// turns with its meters on and off, in the order on, off, off, on, so that drift cancels out. One asks at a time, and then four do, which
// keeps threads awake and makes them wait for processors. The difference of the process's CPU time per query is paired by turn and has a
// bootstrap interval; the clients are in the process too, and drop out of the difference but for what reading longer answers takes them.
// The share is of what a receipt says that a query took, which leaves the clients out.
func BenchmarkMetering(b *testing.B) {
	config := small(b)
	config.Items, config.Count = Default().Items, Default().Count
	c := up(b, config)
	defer cost.Measure(true)
	servicetest.Eventually(b, 3*time.Minute, func() error {
		if _, _, text, err := c.do(http.MethodGet, "/v1/models", nil, nil); err != nil || !strings.Contains(text, `"ranker`) {
			return errors.Join(err, fmt.Errorf("no model yet: %.100s", text))
		}
		return nil
	})
	var words []string
	for _, r := range c.recommend(b, "v1", "home").Results {
		word, _, _ := strings.Cut(r.Item.Title, " ")
		words = append(words, word)
	}
	for _, askers := range []int{1, 4} {
		b.Run(fmt.Sprintf("askers=%d", askers), func(b *testing.B) { meterAtLoad(b, c, words, askers) })
	}
}

func meterAtLoad(b *testing.B, c *client, words []string, askers int) {
	each := 200 / askers
	var memory runtime.MemStats
	allocated := func() float64 {
		runtime.ReadMemStats(&memory)
		return float64(memory.TotalAlloc) / float64(askers*each)
	}
	turn := func(on bool) (cpuMicros, receipt float64) {
		cost.Measure(on)
		begin := cost.ProcessCPU()
		receipts := make([]float64, askers)
		faults := make([]error, askers)
		var all sync.WaitGroup
		for i := range askers {
			all.Go(func() {
				for j := range each {
					n := i*each + j
					path, body := "/v1/recommend/home", map[string]any{"visitor_id": fmt.Sprint("visitor", n%20), "page_size": 20}
					if j%2 == 0 {
						path, body["query"] = "/v1/search", words[n%len(words)]
					}
					status, header, text, err := c.do(http.MethodPost, path, body, nil)
					if status != http.StatusOK {
						err = errors.Join(err, fmt.Errorf("%s: %d %.200s", path, status, text))
					}
					if _, rest, found := strings.Cut(header.Get("Haggle-Cost"), "cpu_us="); on && found {
						used, fault := strconv.ParseFloat(rest, 64)
						receipts[i], err = receipts[i]+used, errors.Join(err, fault)
					}
					faults[i] = errors.Join(faults[i], err)
				}
			})
		}
		all.Wait()
		if err := errors.Join(faults...); err != nil {
			b.Fatal(err)
		}
		for _, r := range receipts {
			receipt += r / float64(askers*each)
		}
		return float64(cost.ProcessCPU()-begin) / float64(time.Microsecond) / float64(askers*each), receipt
	}
	for range 20 {
		turn(true) // caches fill
	}
	// Collecting garbage comes when it comes, and takes as long as hundreds of queries: it is done between the turns, and what the meters
	// leave of it is told apart.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	receipt, garbage := 0.0, [2]float64{}
	var on, off []float64
	for b.Loop() {
		runtime.GC()
		a0 := allocated()
		first, r1 := turn(true)
		a1 := allocated()
		second, _ := turn(false)
		a2 := allocated()
		third, _ := turn(false)
		fourth, r4 := turn(true)
		garbage[0], garbage[1] = garbage[0]+a1-a0, garbage[1]+a2-a1
		on, off = append(on, (first+fourth)/2), append(off, (second+third)/2)
		receipt += (r1 + r4) / 2
	}
	d := quality.BootstrapDifference(off, on, quality.Resampling{Rounds: 2000, Seed: 1})
	receipt /= float64(len(on))
	b.ReportMetric((garbage[0]-garbage[1])/float64(len(on)), "garbage-B/query")
	b.ReportMetric(receipt, "receipt-us/query")
	b.ReportMetric(d.Mean, "metering-us/query")
	b.ReportMetric(100*d.Low/receipt, "low-%")
	b.ReportMetric(100*d.Mean/receipt, "mean-%")
	b.ReportMetric(100*d.High/receipt, "high-%")
}
