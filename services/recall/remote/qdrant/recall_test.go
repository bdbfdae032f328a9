package qdrant

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall"
)

// TestRecallSearchesTheCollection runs recall as it is, over NATS and gRPC, with the fake server for Qdrant.
func TestRecallSearchesTheCollection(t *testing.T) {
	f, a := startFake(t)
	srv := servicetest.NATS(t)
	kit, client := servicetest.Kit(t, "recall", servicetest.KitOptions{NATS: srv}), servicetest.Bus(t, srv, "gateway")
	for _, it := range []shop.Item{
		{ID: "shoe", Title: "Red running shoe", Brand: "Acme", Price: 50},
		{ID: "boot", Title: "Red boot", Brand: "Globex", Price: 90},
	} {
		text, err := json.Marshal(it)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Publish(soon(t), wire.SubjectItem+wire.ItemToken(it.ID), "", text); err != nil {
			t.Fatal(err)
		}
	}
	c := recall.Default()
	c.Retriever, c.Open = "qdrant+http://"+a.Host+"/items", Open
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- recall.Run(ctx, kit, c) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	payload, err := proto.Marshal(&wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "red shoes", Filter: "price < 80"})
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Eventually(t, 20*time.Second, func() error {
		answer, err := client.Call(soon(t), wire.SubjectRecall, payload)
		if err != nil {
			return err
		}
		reply := &wire.RecallReply{}
		if err := proto.Unmarshal(answer, reply); err != nil {
			return err
		}
		if ids := reply.Candidates.AppendIDs(nil); len(reply.Degraded) > 0 || len(ids) != 1 || ids[0] != "shoe" {
			return fmt.Errorf("found %v, degraded %v", ids, reply.Degraded)
		}
		return nil
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.points) != 2 {
		t.Errorf("the collection holds %d points, want 2", len(f.points))
	}
}
