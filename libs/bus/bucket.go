package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// JetStream keeps a key-value bucket in the stream of this name, each key under this subject. They are its contract with
// every client, written down in its ADR-8.
const (
	bucketStream  = "KV_"
	bucketSubject = "$KV."
)

// KV returns the key-value bucket of that name; its failure wraps NotFound when there is none.
func (b *Bus) KV(ctx context.Context, bucket string) (kv jetstream.KeyValue, err error) {
	err = b.Ask(ctx, apiWait, func(ctx context.Context) (err error) {
		kv, err = b.js.KeyValue(ctx, bucket)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return kv, nil
}

// Objects returns the object store of that name; its failure wraps NotFound when there is none.
func (b *Bus) Objects(ctx context.Context, bucket string) (store jetstream.ObjectStore, err error) {
	err = b.Ask(ctx, apiWait, func(ctx context.Context) (err error) {
		store, err = b.js.ObjectStore(ctx, bucket)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open object store %s: %w", bucket, err)
	}
	return store, nil
}

// WatchKey calls f with the value of a key, now and after each change, until ctx ends; the value is empty when the key
// was deleted. It waits while the bucket or the key do not exist and while the server is away, as [Bus.Follow] does. Of a
// bucket with history it begins with the oldest value kept. An error of f ends it.
func (b *Bus) WatchKey(ctx context.Context, bucket, key string, f func(value []byte, revision uint64) error) error {
	return b.Follow(ctx, bucketStream+bucket, bucketSubject+bucket+"."+key, 1, func(batch []Message) error {
		for _, m := range batch {
			if err := f(m.Data, m.Seq); err != nil {
				return err
			}
		}
		return nil
	})
}
