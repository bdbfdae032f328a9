package haggle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/dataset"
	"github.com/haggle-commerce/haggle/libs/dataset/synth"
	"github.com/haggle-commerce/haggle/libs/quality"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

var update = flag.Bool("update", false, "write golden files")

// TestQuality measures the whole house on held-out time: the last tenth of a log is kept back, the rest goes through the
// streams, recall follows it, the trainer learns from it and publishes, and then each held-out visit is asked for over the
// bus. The figures are compared with testdata/quality.golden: a change that moves one of them by more than a point is read
// in review. It runs without the race detector, which would take ten times as long (scripts/test.sh runs it apart).
func TestQuality(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: quality is measured without the race detector; run go test -run TestQuality ./services/haggle")
	}
	var report bytes.Buffer
	t.Run("generated", func(t *testing.T) {
		c := Default()
		var items []shop.Item
		var log []shop.Event
		_, err := synth.Generate(t.Context(), synth.Options{Seed: c.Seed, Items: c.Items, Events: c.Count}, func(i shop.Item) error {
			items = append(items, i)
			return nil
		}, func(e shop.Event) error {
			log = append(log, e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		measure(t, &report, "generated shop (20,000 items, 300,000 events, seed 1)", items, log)
	})
	t.Run("completejourney", func(t *testing.T) {
		folder := filepath.Join(root(t), "..", "shared", "data", "completejourney_cc0")
		if _, err := os.Stat(folder); err != nil {
			t.Skipf("SKIPPED LOUDLY: the data set completejourney_cc0 is not at %s", filepath.Join("..", "shared", "data"))
		}
		items, log := readShop(t, filepath.Join(folder, "products.tsv.gz"), filepath.Join(folder, "transactions_sample.tsv.gz"))
		measure(t, &report, "completejourney_cc0 (real baskets)", items, log)
	})
	t.Logf("\n%s", &report)
	compareGolden(t, report.String())
}

func readShop(t *testing.T, catalogue, events string) (items []shop.Item, log []shop.Event) {
	t.Helper()
	if _, err := dataset.ReadItems(t.Context(), catalogue, dataset.Options{}, func(i shop.Item) error {
		items = append(items, i)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.ReadEvents(t.Context(), events, dataset.Options{}, func(e shop.Event) error {
		log = append(log, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return items, log
}

// visit is a held-out query and what the shopper went for.
type visit struct {
	shopper  shop.ShopperID
	query    string
	relevant map[shop.ItemID]bool
}

// most is how many visits of a kind are asked for: enough for intervals of about a point, and a minute of time.
const most = 2000

// heldOut splits a log by time and gathers what the later part asks for: for each shopper that is known what it went for in
// its first visit afterwards, and for each search what was chosen from its results.
func heldOut(log []shop.Event) (history []shop.Event, split time.Time, recommend, search []visit) {
	slices.SortStableFunc(log, func(a, b shop.Event) int { return a.Time.Compare(b.Time) })
	at := len(log) * 9 / 10
	split = log[at].Time
	history = log[:at]
	known := map[shop.ShopperID]bool{}
	for i := range history {
		known[history[i].Shopper] = true
	}
	first := map[shop.ShopperID]shop.SessionID{}
	homes, searches := map[shop.ShopperID]*visit{}, map[string]*visit{}
	for i := range log[at:] {
		e := &log[at+i]
		if e.Shopper == "" || e.Kind == shop.ViewItemList || e.Kind == shop.Search || e.Kind == shop.RemoveFromCart || e.Kind == shop.Refund {
			continue
		}
		if session, ok := first[e.Shopper]; known[e.Shopper] && (!ok || session == e.Session) {
			first[e.Shopper] = e.Session
			gather(homes, e.Shopper, visit{shopper: e.Shopper}, e)
		}
		if e.SearchTerm != "" {
			gather(searches, string(e.Shopper)+"\x00"+string(e.Session)+"\x00"+e.SearchTerm, visit{shopper: e.Shopper, query: e.SearchTerm}, e)
		}
	}
	return history, split, inOrder(homes), inOrder(searches)
}

func gather[K comparable](visits map[K]*visit, key K, fresh visit, e *shop.Event) {
	v := visits[key]
	if v == nil {
		fresh.relevant = map[shop.ItemID]bool{}
		v = &fresh
		visits[key] = v
	}
	for _, item := range e.Items {
		v.relevant[item.ID] = true
	}
}

func inOrder[K cmp.Ordered](visits map[K]*visit) []visit {
	var list []visit
	for _, key := range slices.Sorted(maps.Keys(visits)) {
		list = append(list, *visits[key])
	}
	// Every n-th, so that what is left out does not depend on the names.
	if step := (len(list) + most - 1) / most; step > 1 {
		kept := list[:0]
		for i := 0; i < len(list); i += step {
			kept = append(kept, list[i])
		}
		list = kept
	}
	return list
}

// measure runs the house on the older part of a log and asks it for the newer.
func measure(t *testing.T, report *bytes.Buffer, name string, items []shop.Item, log []shop.Event) {
	t.Helper()
	history, split, recommend, search := heldOut(log)
	server := servicetest.NATS(t)
	b := servicetest.Bus(t, server, "quality")
	// The house lives in the time of the data: moved to today, the same log would fall into other days and weeks on each run.
	begin, now := time.Now(), split
	fill(t, b, items, history)
	popular := popularity(history)

	upRooms(t, server.ClientURL(), func() time.Time { return split.Add(time.Since(begin)) })

	fmt.Fprintf(report, "%s\n", name)
	for _, task := range []struct {
		name   string
		visits []visit
	}{{"recommend", recommend}, {"search", search}} {
		if len(task.visits) == 0 {
			continue
		}
		results := map[string][]result{}
		for _, v := range task.visits {
			for order, ids := range orders(t, b, v, popular, now) {
				results[order] = append(results[order], judge(ids, v.relevant))
			}
		}
		write(report, task.name, results)
		check(t, task.name, results)
	}
}

// upRooms runs what learns and answers, but no gateway, against a NATS server, by a clock. It ends with the test.
func upRooms(t *testing.T, nats string, clock func() time.Time) {
	t.Helper()
	common := inside()
	common.NATS = nats
	c := Default()
	c.Port, c.Data, c.Rooms = 0, t.TempDir(), "recall,ranking,feature-store,trainer"
	ctx, stop := context.WithCancel(t.Context())
	out, progress, ended := newLines("ready "), newLines("never"), make(chan error, 1)
	go func() { ended <- Up(ctx, c, World{Common: common, Out: out, Progress: progress, Clock: clock}) }()
	t.Cleanup(func() { stop(); <-ended })
	select {
	case <-out.found:
	case err := <-ended:
		ended <- err
		t.Fatalf("Up ended with %v\n%s", err, progress)
	case <-time.After(5 * time.Minute):
		t.Fatalf("not ready after 5 minutes\n%s", progress)
	}
}

// fill puts a shop onto the streams as the gateway would.
func fill(t *testing.T, b *bus.Bus, items []shop.Item, log []shop.Event) {
	t.Helper()
	var batch []bus.Outgoing
	flush := func(least int) {
		if len(batch) < least || len(batch) == 0 {
			return
		}
		for _, err := range b.PublishBatch(t.Context(), batch) {
			if err != nil {
				t.Fatal(err)
			}
		}
		batch = batch[:0]
	}
	for i := range items {
		text, err := json.Marshal(items[i])
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, bus.Outgoing{Subject: wire.SubjectItem + wire.ItemToken(items[i].ID), Data: text})
		flush(1000)
	}
	for i := 0; i < len(log); {
		var lines bytes.Buffer
		kind, n := log[i].Kind, 0
		for ; i < len(log) && log[i].Kind == kind && n < 64; i, n = i+1, n+1 {
			text, err := json.Marshal(log[i])
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(text)
			lines.WriteByte('\n')
		}
		batch = append(batch, bus.Outgoing{Subject: wire.SubjectEvent + string(kind), Data: lines.Bytes()})
		flush(1000)
	}
	flush(1)
}

// popularity counts what shoppers went for, the baseline that needs no model.
func popularity(log []shop.Event) map[shop.ItemID]float64 {
	counts := map[shop.ItemID]float64{}
	for i := range log {
		switch log[i].Kind {
		case shop.SelectItem, shop.ViewItem, shop.AddToCart, shop.Purchase:
			for _, item := range log[i].Items {
				counts[item.ID]++
			}
		}
	}
	return counts
}

// orders asks for the candidates of a visit and returns them in three orders: by popularity alone, as recall gave them, and
// as ranking scored them. A recommendation by popularity has the whole catalogue to choose from, a search what matches.
func orders(t *testing.T, b *bus.Bus, v visit, popular map[shop.ItemID]float64, now time.Time) map[string][]shop.ItemID {
	t.Helper()
	request := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_RECOMMEND, Shopper: string(v.shopper), Placement: "home", Limit: 100, NowMicros: now.UnixMicro()}
	if v.query != "" {
		request.Purpose, request.Placement, request.Query = wire.Purpose_PURPOSE_SEARCH, "search", v.query
	}
	var recalled wire.RecallReply
	exchange(t, b, wire.SubjectRecall, request, &recalled)
	ids := recalled.GetCandidates().AppendIDs(nil)
	if len(ids) == 0 {
		return map[string][]shop.ItemID{"popularity": nil, "recall": nil, "ranking": nil}
	}
	var ranked wire.RankReply
	exchange(t, b, wire.SubjectRank, &wire.RankRequest{
		Candidates: recalled.Candidates, Shopper: request.Shopper, Placement: request.Placement, Query: v.query, NowMicros: request.NowMicros,
	}, &ranked)
	if len(ranked.GetDegraded()) > 0 {
		t.Fatalf("ranking is degraded: %q", ranked.GetDegraded())
	}
	scores := wire.Floats(ranked.GetScores(), nil)
	byModel := make([]shop.ItemID, len(ids))
	for i, at := range quality.Order(scores) {
		byModel[i] = ids[at]
	}
	byCount := slices.Clone(ids)
	if v.query == "" {
		byCount = slices.Collect(maps.Keys(popular))
	}
	slices.SortFunc(byCount, func(x, y shop.ItemID) int {
		return cmp.Or(cmp.Compare(popular[y], popular[x]), cmp.Compare(x, y))
	})
	return map[string][]shop.ItemID{"popularity": byCount[:min(100, len(byCount))], "recall": ids, "ranking": byModel}
}

func exchange(t *testing.T, b *bus.Bus, subject string, request, reply proto.Message) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	text, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Call(ctx, subject, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(answer, reply); err != nil {
		t.Fatal(err)
	}
}

// result is what one order was worth to one visit.
type result struct{ ndcg, recall float64 }

func judge(ids []shop.ItemID, relevant map[shop.ItemID]bool) result {
	gains, ideal := make([]float64, len(ids)), make([]float64, len(relevant))
	for i, id := range ids {
		if relevant[id] {
			gains[i] = 1
		}
	}
	for i := range ideal {
		ideal[i] = 1
	}
	return result{quality.NDCG(gains, ideal, 10), quality.Recall(gains, len(relevant), 20)}
}

func ndcgs(results []result) []float64 {
	return each(results, func(r result) float64 { return r.ndcg })
}

func recalls(results []result) []float64 {
	return each(results, func(r result) float64 { return r.recall })
}

func each(results []result, f func(result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = f(r)
	}
	return values
}

var ladder = []string{"popularity", "recall", "ranking"}

func write(report *bytes.Buffer, task string, results map[string][]result) {
	fmt.Fprintf(report, "  %s, %d visits\n", task, len(results["ranking"]))
	for _, order := range ladder {
		fmt.Fprintf(report, "    %-10s  NDCG@10 %v  Recall@20 %v\n", order,
			quality.Bootstrap(ndcgs(results[order]), quality.Resampling{}), quality.Bootstrap(recalls(results[order]), quality.Resampling{}))
	}
	for i, better := range ladder[1:] {
		fmt.Fprintf(report, "    %s over %s: NDCG@10 %+v  Recall@20 %+v\n", better, ladder[i],
			quality.BootstrapDifference(ndcgs(results[ladder[i]]), ndcgs(results[better]), quality.Resampling{}).Interval,
			quality.BootstrapDifference(recalls(results[ladder[i]]), recalls(results[better]), quality.Resampling{}).Interval)
	}
}

// check wants each step of the ladder to be above the one below it.
func check(t *testing.T, task string, results map[string][]result) {
	t.Helper()
	for i, better := range ladder[1:] {
		worse := ladder[i]
		if a, b := quality.Mean(ndcgs(results[worse])), quality.Mean(ndcgs(results[better])); b <= a {
			t.Errorf("%s: NDCG@10 of %s is %.4f, not above %s with %.4f", task, better, b, worse, a)
		}
		if a, b := quality.Mean(recalls(results[worse])), quality.Mean(recalls(results[better])); b <= a {
			t.Errorf("%s: Recall@20 of %s is %.4f, not above %s with %.4f", task, better, b, worse, a)
		}
	}
}

// compareGolden compares the figures of a report with those that are kept, within a point.
func compareGolden(t *testing.T, got string) {
	t.Helper()
	const path, tolerance = "testdata/quality.golden", 0.01
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float64{}
	section := ""
	read := func(text string, f func(key string, figures []float64)) {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "    ") {
				section += strings.TrimSpace(line) + " "
				if !strings.HasPrefix(line, " ") {
					section = strings.TrimSpace(line) + " "
				}
				continue
			}
			if order := strings.Fields(line)[0]; slices.Contains(ladder, order) && !strings.Contains(line, " over ") {
				var a, al, ah, b, bl, bh float64
				if _, err := fmt.Sscanf(strings.TrimSpace(line)[len(order):], " NDCG@10 %f [%f, %f] Recall@20 %f [%f, %f]", &a, &al, &ah, &b, &bl, &bh); err != nil {
					t.Fatalf("read %q: %v", line, err)
				}
				f(section+order, []float64{a, b})
			}
		}
	}
	read(string(golden), func(key string, figures []float64) { want[key] = figures })
	read(got, func(key string, figures []float64) {
		old, ok := want[key]
		if !ok {
			t.Errorf("%s is not in %s; run with -update and read the difference", key, path)
			return
		}
		for i, name := range []string{"NDCG@10", "Recall@20"} {
			if math.Abs(figures[i]-old[i]) > tolerance {
				t.Errorf("%s: %s = %.4f, kept %.4f: run with -update and read the difference", key, name, figures[i], old[i])
			}
		}
	})
}
