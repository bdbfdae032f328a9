package online

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/feature"
)

// TestFetchAllocates guards the allocations of a read, which do not grow with the number of items.
func TestFetchAllocates(t *testing.T) {
	server := miniredis.RunT(t)
	ids := fill(t, server, 100)
	rows := make([]feature.ItemRow, len(ids))
	var shopper feature.ShopperRow
	for name, o := range ways(server) {
		if name == "url" {
			continue
		}
		s := open(t, o)
		fetch := func() {
			if _, err := s.Fetch(t.Context(), "s", &shopper, ids, rows); err != nil {
				t.Fatal(err)
			}
		}
		items := func() {
			if _, err := s.Items(t.Context(), ids, rows); err != nil {
				t.Fatal(err)
			}
		}
		fetch()
		// Near items alone touch nothing but the caller's memory.
		if got := testing.AllocsPerRun(100, items); got > 0 {
			t.Errorf("%s: Items from the near cache allocates %v times, want 0", name, got)
		}
		// AllocsPerRun counts the server's too, so a bound on the store's own is only told where there is no server.
		if got := testing.AllocsPerRun(100, fetch); name == "local" && got > 3 {
			t.Errorf("%s: Fetch of a shopper allocates %v times, want at most 3", name, got)
		}
	}
}

// BenchmarkFetch reads a shopper with 20 items of history and 100 items. The CPU time is the whole process's: of miniredis
// too, but for the redis-server, which is a process of its own.
func BenchmarkFetch(b *testing.B) {
	server := miniredis.RunT(b)
	ids := fill(b, server, 100)
	all := ways(server)
	delete(all, "url")
	if address, ok := realRedis(b, server); ok {
		all["redis-server"] = Options{Address: address}
	}
	rows := make([]feature.ItemRow, len(ids))
	var shopper feature.ShopperRow
	for name, o := range all {
		for _, near := range []int{0, 80, 100} {
			b.Run(fmt.Sprintf("%s/near=%d", name, near), func(b *testing.B) {
				s := open(b, o)
				b.ReportAllocs()
				began := cost.ProcessCPU()
				for b.Loop() {
					for _, id := range ids[near:] {
						if e, ok := s.near.GetIfPresent(id); ok {
							e.loaded = -time.Hour
						}
					}
					if read, err := s.Fetch(b.Context(), "s", &shopper, ids, rows); err != nil || read.Missing {
						b.Fatal(read, err)
					}
				}
				b.ReportMetric(float64((cost.ProcessCPU()-began).Microseconds())/float64(b.N), "cpu-us/op")
			})
		}
	}
}

// BenchmarkFirstSight reads 100 items that the near cache has never seen.
func BenchmarkFirstSight(b *testing.B) {
	server := miniredis.RunT(b)
	ids := fill(b, server, 100)
	s := open(b, ways(server)["local"])
	rows := make([]feature.ItemRow, len(ids))
	b.ReportAllocs()
	for b.Loop() {
		s.near.InvalidateAll()
		if _, err := s.Items(b.Context(), ids, rows); err != nil {
			b.Fatal(err)
		}
	}
}

// realRedis starts a redis-server with the rows of server, when there is one on the PATH.
func realRedis(b *testing.B, server *miniredis.Miniredis) (address string, ok bool) {
	b.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		b.Log("no redis-server on the PATH: its line is left out")
		return "", false
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address = free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	free.Close()
	child := exec.Command(program, "--port", port, "--save", "", "--appendonly", "no")
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	client, err := newClient(Options{Address: address})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	for client.Ping(ctx).Err() != nil {
		if ctx.Err() != nil {
			b.Fatal("redis-server does not answer")
		}
	}
	for _, key := range server.Keys() {
		value, err := server.Get(key)
		if err != nil {
			b.Fatal(err)
		}
		if err := client.Set(ctx, key, value, 0).Err(); err != nil {
			b.Fatal(err)
		}
	}
	return address, true
}
