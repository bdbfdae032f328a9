package featurestore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/feature"
	"github.com/haggle-commerce/haggle/services/feature-store/internal/fold"
)

// store is Redis as the writer sees it. All rows change together with the watermark, in one MULTI/EXEC that goes through only
// while the watermark is the one that the writer knows: so whatever ends a writer or takes a reply from it, rows hold each
// event up to the watermark and none beyond, and of two writers one loses and begins anew where the other is.
type store struct {
	client    redis.UniversalClient
	retention time.Duration
	// writer is unique to this run of the service, so that a watermark says whose it is.
	writer string
}

// errMoved says that the watermark is not the one that this writer left: another one wrote, or Redis lost it.
var errMoved = errors.New("the watermark was moved by another writer, or lost")

const (
	// rowsVersion is the version of rows and states together. Another one in Redis has them built anew.
	rowsVersion = "1"
	// callWait bounds one exchange with Redis.
	callWait = 5 * time.Second
	// readAtOnce and scanAtOnce bound a command, so that Redis keeps answering queries in between.
	readAtOnce, scanAtOnce, setAtOnce = 512, 1000, 256
)

// watermark is how far the rows have come. The text is what Redis holds; "" means none.
type watermark struct {
	text string
	// seq is the last sequence of the EVENTS stream that the rows hold; sound is false when they cannot be used.
	seq   uint64
	sound bool
}

// at returns the watermark that this writer leaves at a sequence.
func (s *store) at(seq uint64) watermark {
	return watermark{text: rowsVersion + " " + strconv.FormatUint(seq, 10) + " " + s.writer, seq: seq, sound: true}
}

func readWatermark(text string) watermark {
	parts := strings.Fields(text)
	if len(parts) != 3 || parts[0] != rowsVersion {
		return watermark{text: text}
	}
	seq, err := strconv.ParseUint(parts[1], 10, 64)
	return watermark{text: text, seq: seq, sound: err == nil}
}

// getter is a client or a transaction.
type getter interface {
	Get(ctx context.Context, key string) *redis.StringCmd
}

// current returns the text of the watermark; "" when there is none.
func current(ctx context.Context, from getter) (string, error) {
	text, err := from.Get(ctx, feature.WatermarkKey()).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read watermark: %w", err)
	}
	return text, nil
}

// watermark returns how far the rows have come.
func (s *store) watermark(ctx context.Context) (watermark, error) {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	text, err := current(ctx, s.client)
	return readWatermark(text), err
}

// guarded runs commands in one transaction that goes through only while the watermark is have. done reports whether it is
// next already: an earlier try whose reply was lost went through.
func (s *store) guarded(ctx context.Context, have, next string, commands func(p redis.Pipeliner)) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	err := s.client.Watch(ctx, func(tx *redis.Tx) error {
		now, err := current(ctx, tx)
		switch {
		case err != nil:
			return err
		case now == next && now != have:
			return nil
		case now != have:
			return errMoved
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			commands(p)
			return nil
		})
		return err
	}, feature.WatermarkKey())
	if errors.Is(err, redis.TxFailedErr) {
		return errMoved
	}
	return err
}

// commit writes the changes and moves the watermark. Trying again after an error is safe.
func (s *store) commit(ctx context.Context, have, next watermark, changes []fold.Change) error {
	err := s.guarded(ctx, have.text, next.text, func(p redis.Pipeliner) {
		var pairs []any
		for i := range changes {
			c := &changes[i]
			if c.Personal {
				p.Set(ctx, c.Key, c.Value, s.retention)
				continue
			}
			if pairs = append(pairs, c.Key, c.Value); len(pairs) == 2*setAtOnce {
				p.MSet(ctx, pairs...)
				pairs = nil
			}
		}
		if len(pairs) > 0 {
			p.MSet(ctx, pairs...)
		}
		p.Set(ctx, feature.WatermarkKey(), next.text, 0)
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// load reads the values of keys; nil for a key that is not there.
func (s *store) load(ctx context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, 0, len(keys))
	for len(keys) > 0 {
		some := keys[:min(len(keys), readAtOnce)]
		keys = keys[len(some):]
		ctx, cancel := context.WithTimeout(ctx, callWait)
		found, err := s.client.MGet(ctx, some...).Result()
		cancel()
		if err != nil {
			return nil, fmt.Errorf("load rows: %w", err)
		}
		for _, value := range found {
			text, _ := value.(string)
			values = append(values, []byte(text))
		}
	}
	return values, nil
}

// wipe removes all rows, states and the watermark have, so that they can be built anew. It ends with errMoved as soon as
// another writer has begun to do so: what that one wrote is not touched.
func (s *store) wipe(ctx context.Context, have watermark) (removed int, err error) {
	if have.text != "" {
		err := s.guarded(ctx, have.text, "", func(p redis.Pipeliner) { p.Del(ctx, feature.WatermarkKey()) })
		if err != nil {
			return 0, fmt.Errorf("remove watermark: %w", err)
		}
	}
	for cursor := uint64(0); ; {
		call, cancel := context.WithTimeout(ctx, callWait)
		keys, next, err := s.client.Scan(call, cursor, feature.KeyPrefix+"*", scanAtOnce).Result()
		cancel()
		if err != nil {
			return removed, fmt.Errorf("list rows: %w", err)
		}
		if len(keys) > 0 {
			// No watermark, and none after: a key that another writer has made since is then not among these.
			if err := s.guarded(ctx, "", "", func(p redis.Pipeliner) { p.Unlink(ctx, keys...) }); err != nil {
				return removed, fmt.Errorf("remove rows: %w", err)
			}
			removed += len(keys)
		}
		if cursor = next; cursor == 0 {
			return removed, nil
		}
	}
}
