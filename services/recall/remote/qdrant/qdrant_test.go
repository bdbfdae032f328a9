package qdrant

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/conform"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

func open(t *testing.T, a retrieve.Address) retrieve.Retriever {
	t.Helper()
	r, err := Open(a, retrieve.Login{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// TestConformsOverFake runs the suite against a server of this package: see fake for what that shows and what not.
func TestConformsOverFake(t *testing.T) {
	for name, dims := range map[string]int{"words": 0, "vectors": conform.Dims} {
		t.Run(name, func(t *testing.T) {
			conform.Run(t, func(t *testing.T) retrieve.Retriever {
				_, a := startFake(t)
				a.Dims = dims
				return open(t, a)
			})
		})
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestFaults(t *testing.T) {
	busy, full := status.Error(codes.Unavailable, "starting"), status.Error(codes.ResourceExhausted, "rate limit")
	for _, c := range []struct {
		name   string
		faults []error
		want   error
		calls  int
	}{
		{"none", nil, nil, 1},
		{"busy, then not", []error{busy, full}, nil, 3},
		{"invalid", []error{status.Error(codes.InvalidArgument, "Bad request")}, retrieve.ErrInvalid, 1},
		{"no collection", []error{status.Error(codes.NotFound, "Collection `items` doesn't exist!")}, retrieve.ErrUnavailable, 1},
		{"not allowed in", []error{status.Error(codes.Unauthenticated, "Must provide an API key")}, retrieve.ErrUnavailable, 1},
		{"a fault inside", []error{status.Error(codes.Internal, "Service internal error")}, retrieve.ErrUnavailable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, a := startFake(t)
			f.faults = c.faults
			if _, err := open(t, a).Search(soon(t), &retrieve.Query{Text: "x", K: 1}); !errors.Is(err, c.want) || f.calls != c.calls {
				t.Errorf("Search = %v after %d calls, want %v after %d", err, f.calls, c.want, c.calls)
			}
		})
	}
}

func TestApplyTriesAgain(t *testing.T) {
	f, a := startFake(t)
	r := open(t, a)
	if err := r.Apply(soon(t), nil); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(f.indexed, " "), "attributes availability available brand category created_at numbers[].key numbers[].value price"; got != want {
		t.Errorf("indices of %s, want %s", got, want)
	}
	f.calls, f.faults = 0, []error{nil, status.Error(codes.Unavailable, "moved")}
	changes := []retrieve.Change{{ID: "a", Item: &shop.Item{ID: "a", Title: "A"}}, {ID: "b"}}
	if err := r.Apply(soon(t), changes); err != nil || f.calls != 3 || len(f.points) != 1 {
		t.Errorf("Apply = %v after %d calls with %d points, want one upsert and two deletes", err, f.calls, len(f.points))
	}
	// The collection that another replica made is used.
	if err := open(t, a).Apply(soon(t), changes); err != nil {
		t.Errorf("Apply to a collection that is there = %v", err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r := open(t, retrieve.Address{Host: listener.Addr().String(), Collection: "items"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := r.Search(ctx, &retrieve.Query{Text: "x", K: 1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Errorf("Search of a server that says nothing = %v after %v, want the deadline's error", err, time.Since(began))
	}
}

func TestPointIDsAreOfVersionFive(t *testing.T) {
	for _, id := range []shop.ItemID{"a", "红", "shoe/1.5*"} {
		u := pointID(id).GetUuid()
		if len(u) != 36 || u[14] != '5' || !strings.ContainsRune("89ab", rune(u[19])) || u != pointID(id).GetUuid() {
			t.Errorf("pointID(%q) = %q, want a UUID of version 5", id, u)
		}
	}
}
