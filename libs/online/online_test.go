package online

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/libs/shop"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// itemRow is a row of n views.
func itemRow(n int) feature.ItemRow {
	var row feature.ItemRow
	row.Apply(shop.ViewItem, noon, n)
	return row
}

func put(t testing.TB, server *miniredis.Miniredis, key string, row interface {
	AppendBinary(b []byte) ([]byte, error)
},
) {
	t.Helper()
	b, err := row.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Set(key, string(b)); err != nil {
		t.Fatal(err)
	}
}

// fill puts n items i0 ... with 1, 2, ... views and a shopper s with a history of 20 items into the server.
func fill(t testing.TB, server *miniredis.Miniredis, n int) (ids []shop.ItemID) {
	t.Helper()
	var shopper feature.ShopperRow
	for i := range n {
		id := shop.ItemID(fmt.Sprintf("i%d", i))
		ids = append(ids, id)
		row := itemRow(i + 1)
		put(t, server, feature.ItemKey(id), &row)
		if i < 20 {
			shopper.Apply(&shop.Event{Kind: shop.ViewItem, Time: noon.Add(time.Duration(i) * time.Minute), Items: []shop.EventItem{{ID: id}}})
		}
	}
	put(t, server, feature.ShopperKey("s"), &shopper)
	return ids
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	// The race detector and busy machines are slow; tests of timeouts set their own.
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ways are the three ways to reach Redis; all tests of rows run over each.
func ways(server *miniredis.Miniredis) map[string]Options {
	return map[string]Options{
		"tcp": {Address: server.Addr()},
		"url": {Address: "redis://" + server.Addr() + "/0"},
		"pipe": {Dial: func(context.Context, string, string) (net.Conn, error) {
			return server.Dial()
		}},
		"local": {Local: func(key string) (string, bool) {
			value, err := server.Get(key)
			return value, err == nil
		}},
	}
}

func TestFetch(t *testing.T) {
	server := miniredis.RunT(t)
	ids := fill(t, server, 30)
	ids[7] = "never-seen"
	for name, o := range ways(server) {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			var shopper feature.ShopperRow
			rows := make([]feature.ItemRow, len(ids))
			rows[7] = itemRow(99) // what the caller's memory held before must not show
			before := server.CommandCount()
			read, err := s.Fetch(t.Context(), "s", &shopper, ids, rows)
			if err != nil || read.RedisOps != 1 || read.CacheHits != 0 || read.Bytes == 0 || read.Missing {
				t.Errorf("first Fetch = %+v, %v, want one operation, no hits, nothing missing", read, err)
			}
			if got := server.CommandCount() - before; name != "local" && got > 2 {
				t.Errorf("first Fetch sent %d commands, want one and at most one greeting", got)
			}
			if len(shopper.History) != 20 || shopper.Total[feature.Viewed] != 20 {
				t.Errorf("shopper = %+v, want 20 views", shopper)
			}
			check := func() {
				t.Helper()
				for i := range rows {
					want := itemRow(i + 1)
					if i == 7 {
						want = feature.ItemRow{}
					}
					if diff := cmp.Diff(want, rows[i], cmp.AllowUnexported(feature.ItemRow{})); diff != "" {
						t.Errorf("row %d (-want +got):\n%s", i, diff)
					}
				}
			}
			check()
			clear(rows)
			read, err = s.Fetch(t.Context(), "s", &shopper, ids, rows)
			if err != nil || read.RedisOps != 1 || read.CacheHits != len(ids) {
				t.Errorf("second Fetch = %+v, %v, want one operation for the shopper and all items near", read, err)
			}
			check()
			before = server.CommandCount()
			if read, err = s.Items(t.Context(), ids, rows); err != nil || read.RedisOps != 0 || server.CommandCount() != before {
				t.Errorf("Items = %+v, %v, want no operation", read, err)
			}
		})
	}
}

func TestShopperIsReadAfresh(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, Options{Address: server.Addr()})
	var row, want feature.ShopperRow
	for n := range 3 {
		event := shop.Event{Kind: shop.AddToCart, Time: noon, Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint("i", n))}}}
		want.Apply(&event)
		put(t, server, feature.ShopperKey("s"), &want)
		if read, err := s.Shopper(t.Context(), "s", &row); err != nil || read.Missing {
			t.Fatalf("Shopper = %+v, %v", read, err)
		}
		if diff := cmp.Diff(want, row, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("after event %d (-want +got):\n%s", n, diff)
		}
	}
	for _, id := range []shop.ShopperID{"nobody", ""} {
		read, err := s.Shopper(t.Context(), id, &row)
		if err != nil || read.Missing || len(row.History) != 0 || row.Last != 0 {
			t.Errorf("Shopper(%q) = %+v, %v with row %+v, want the zero row", id, read, err, row)
		}
	}
}

func TestNearRowsAreRefreshed(t *testing.T) {
	server := miniredis.RunT(t)
	ids := fill(t, server, 3)
	s := open(t, Options{Address: server.Addr()})
	rows := make([]feature.ItemRow, len(ids))
	fetch := func() Read {
		t.Helper()
		read, err := s.Items(t.Context(), ids, rows)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	fetch()
	changed := itemRow(500)
	put(t, server, feature.ItemKey(ids[1]), &changed)
	if read := fetch(); read.CacheHits != 3 || rows[1].Total[feature.Viewed] != 2 {
		t.Errorf("within the second: %+v with %d views, want hits of the old row", read, rows[1].Total[feature.Viewed])
	}
	s.begin = s.begin.Add(-DefaultFresh) // a second passes
	if read := fetch(); read.CacheHits != 0 || read.RedisOps != 1 || rows[1].Total[feature.Viewed] != 500 {
		t.Errorf("after a second: %+v with %d views, want the new row", read, rows[1].Total[feature.Viewed])
	}
	server.Del(feature.ItemKey(ids[1]))
	s.begin = s.begin.Add(-DefaultFresh)
	if fetch(); rows[1] != (feature.ItemRow{}) {
		t.Errorf("after the row went: %+v, want zero", rows[1])
	}
	if got := s.near.EstimatedSize(); got != 3 {
		t.Errorf("near cache holds %d entries, want 3: a refresh is in place", got)
	}
}

func TestNearCacheIsBounded(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, Options{Address: server.Addr(), NearItems: 64})
	rows := make([]feature.ItemRow, 100)
	ids := make([]shop.ItemID, 100)
	for round := range 50 {
		for i := range ids {
			ids[i] = shop.ItemID(fmt.Sprint(round, "-", i))
		}
		if _, err := s.Items(t.Context(), ids, rows); err != nil {
			t.Fatal(err)
		}
	}
	s.near.CleanUp()
	if got := s.near.EstimatedSize(); got > 64 {
		t.Errorf("near cache holds %d entries, want at most 64", got)
	}
}

func TestRedisGoesAndComesBack(t *testing.T) {
	server := miniredis.RunT(t)
	ids := fill(t, server, 4)
	registry := prometheus.NewRegistry()
	s := open(t, Options{Address: server.Addr(), Metrics: registry, Timeout: 200 * time.Millisecond})
	rows := make([]feature.ItemRow, len(ids))
	var shopper feature.ShopperRow
	if read, err := s.Fetch(t.Context(), "s", &shopper, ids[:3], rows); err != nil || read.Missing {
		t.Fatalf("Fetch = %+v, %v", read, err)
	}
	server.Close()
	s.begin = s.begin.Add(-time.Hour)
	asked := 0
	for began := time.Now(); !s.breaker.open.Load(); asked++ {
		if took := time.Since(began); took > time.Second {
			t.Fatalf("breaker is closed after %v of failures", took)
		}
		read, err := s.Fetch(t.Context(), "s", &shopper, ids, rows)
		if err != nil || !read.Missing {
			t.Fatalf("Fetch without Redis = %+v, %v, want no error and Missing", read, err)
		}
		if len(shopper.History) != 0 || rows[2] != itemRow(3) || rows[3] != (feature.ItemRow{}) {
			t.Fatalf("Fetch without Redis gave shopper %+v and rows %+v, want zero, stale and zero", shopper, rows)
		}
	}
	if read, _ := s.Fetch(t.Context(), "s", &shopper, ids, rows); read.RedisOps != 0 || !read.Missing {
		t.Errorf("Fetch with the breaker open = %+v, want no operation", read)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	s.probes.Wait() // the probe ends when Redis answers it
	read, err := s.Fetch(t.Context(), "s", &shopper, ids, rows)
	if err != nil || read.Missing || len(shopper.History) != 4 || rows[3] != itemRow(4) {
		t.Errorf("Fetch after the return = %+v, %v, with %d items of history", read, err, len(shopper.History))
	}
	want := map[string]float64{"redis": 3 + 4, "missing": 4*float64(asked) + 4, "near": 0}
	if diff := cmp.Diff(want, counted(t, registry, "haggle_online_items_total")); diff != "" {
		t.Errorf("items by source (-want +got):\n%s", diff)
	}
}

// counted returns the values of a counter by its only label.
func counted(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				found[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return found
}

func TestBadRowsCountAsEmpty(t *testing.T) {
	server := miniredis.RunT(t)
	ids := fill(t, server, 2)
	for _, key := range []string{feature.ItemKey(ids[0]), feature.ShopperKey("s")} {
		if err := server.Set(key, "\xffnot a row"); err != nil {
			t.Fatal(err)
		}
	}
	server.HSet(feature.ItemKey("of-another-type"), "a", "b")
	registry := prometheus.NewRegistry()
	s := open(t, Options{Address: server.Addr(), Metrics: registry})
	rows := make([]feature.ItemRow, 3)
	var shopper feature.ShopperRow
	read, err := s.Fetch(t.Context(), "s", &shopper, []shop.ItemID{ids[0], ids[1], "of-another-type"}, rows)
	if err != nil || read.Missing || rows[0] != (feature.ItemRow{}) || rows[1] != itemRow(2) || len(shopper.History) != 0 {
		t.Errorf("Fetch = %+v, %v with rows %+v, want the bad ones zero", read, err, rows)
	}
}

func TestErrorsOfRedisAreFailures(t *testing.T) {
	server := miniredis.RunT(t)
	server.SetError("LOADING Redis is loading the dataset in memory")
	s := open(t, Options{Address: server.Addr()})
	var row feature.ShopperRow
	for began := time.Now(); !s.breaker.open.Load(); {
		if read, err := s.Shopper(t.Context(), "s", &row); err != nil || !read.Missing {
			t.Errorf("Shopper while loading = %+v, %v, want Missing", read, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Fatalf("breaker is closed after %v while Redis loads", took)
		}
	}
	server.SetError("")
	s.probes.Wait()
	if read, _ := s.Shopper(t.Context(), "s", &row); read.Missing {
		t.Error("Shopper is missing after the load")
	}
}

func TestPasswordMayChange(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("new")
	password := "old"
	s := open(t, Options{Address: server.Addr(), Password: func() string { return password }})
	var row feature.ShopperRow
	if read, _ := s.Shopper(t.Context(), "s", &row); !read.Missing {
		t.Error("Shopper answered to the wrong password")
	}
	password = "new"
	if read, _ := s.Shopper(t.Context(), "s", &row); read.Missing {
		t.Error("Shopper is missing with the right password")
	}
}

func TestCallersFaultsDoNotOpenTheBreaker(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, Options{Address: server.Addr()})
	gone, leave := context.WithCancel(t.Context())
	leave()
	hurried, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	var row feature.ShopperRow
	for _, ctx := range []context.Context{gone, hurried} {
		for range 2 * failuresInRow {
			if read, err := s.Shopper(ctx, "s", &row); err != nil || !read.Missing || read.RedisOps != 0 {
				t.Fatalf("Shopper(%v) = %+v, %v, want Missing without an operation", ctx.Err(), read, err)
			}
		}
	}
	s.failed(hurried, s.now(), context.DeadlineExceeded)
	s.failed(gone, s.now(), context.Canceled)
	if s.breaker.failures != 0 {
		t.Errorf("the breaker counts %d failures, want 0", s.breaker.failures)
	}
}

func TestFetchRefusesShortMemory(t *testing.T) {
	s := open(t, Options{Address: "localhost:1"})
	if _, err := s.Items(t.Context(), make([]shop.ItemID, 3), make([]feature.ItemRow, 2)); !errors.Is(err, ErrMemory) {
		t.Errorf("Items of 3 ids into 2 rows = %v, want ErrMemory", err)
	}
	if read, err := s.Items(t.Context(), nil, nil); err != nil || read != (Read{}) {
		t.Errorf("Items of nothing = %+v, %v, want nothing", read, err)
	}
}

func TestOpenRefusesWrongOptions(t *testing.T) {
	for _, o := range []Options{
		{},
		{Address: "localhost"},
		{Address: "redis://user:canary@:nonsense"},
		{Address: "http://localhost:1"},
		{Address: "h:1", Timeout: -1},
		{Address: "h:1", NearItems: -1},
		{Address: "h:1", Fresh: -1},
	} {
		s, err := Open(o)
		if err == nil {
			s.Close()
			t.Errorf("Open(%+v) succeeded", o)
		} else if got := err.Error(); len(got) < 20 || len(got) > 200 || cmp.Equal(got, "canary") {
			t.Errorf("Open(%+v) = %q", o, got)
		}
	}
}

func TestReadsAfterCloseFindNothing(t *testing.T) {
	server := miniredis.RunT(t)
	s := open(t, Options{Address: server.Addr()})
	s.Close()
	var row feature.ShopperRow
	for range 2 * failuresInRow {
		if read, err := s.Shopper(t.Context(), "s", &row); err != nil || !read.Missing {
			t.Errorf("Shopper after Close = %+v, %v, want Missing", read, err)
		}
	}
}
