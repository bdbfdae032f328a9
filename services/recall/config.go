package recall

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
	"github.com/haggle-commerce/haggle/services/recall/internal/synonym"
)

// Config says how much is remembered and how fast it fades.
type Config struct {
	Shoppers         int           `flag:"shoppers" help:"how many shoppers are remembered, the latest ones, at up to 1.6 KiB each"`
	Sessions         int           `flag:"sessions" help:"how many sessions are remembered, the latest ones, at about 150 bytes each"`
	TrendingHalfLife time.Duration `flag:"trending-half-life" help:"after how long what shoppers want counts half for what is trending"`
	PopularHalfLife  time.Duration `flag:"popular-half-life" help:"after how long what shoppers want counts half for what is popular"`
	Workers          int           `flag:"workers" help:"how many requests are answered at once; 0 is two per core"`
	Snapshots        string        `flag:"snapshots" help:"where the state is kept, so that a start takes seconds: a folder, bus for the object store that replicas share, or both, parted by a comma; empty keeps none"`
	SnapshotEvery    time.Duration `flag:"snapshot-every" help:"how often the state is kept"`
	Shard            string        `flag:"shard" help:"which part of the items this replica holds, by a hash of their ids: 0/4 is the first of four; empty holds all"`
	Synonyms         string        `flag:"synonyms" help:"a file of rules, one a line: a, b for words that find one another, a => b for one that also finds the other, a -> b for one that is replaced; empty has none"`
	Retriever        string        `flag:"retriever" help:"which index finds the items of searches by words: own, or the address of a remote one, such as opensearch+https://search:9200/items or qdrant+http://qdrant:6334/items, for which recall is run as services/recall/remote"`
	RetrieverLogin   string        `flag:"retriever-login" help:"a file with the user:password, or the key, that the remote index asks for"`
	Queue            int           `flag:"queue" help:"how many requests wait at most before others are refused; 0 takes the default of the bus"`

	// Open opens remote indexes; a program without them leaves it nil.
	Open retrieve.Opener
}

// Default returns what suits a shop of up to a million items.
func Default() Config {
	d := engine.Defaults()
	return Config{
		Shoppers: d.Shoppers, Sessions: d.Sessions,
		TrendingHalfLife: d.TrendingHalfLife, PopularHalfLife: d.PopularHalfLife,
		SnapshotEvery: time.Hour, Retriever: ownIndex,
	}
}

// ownIndex is the retriever that needs no other.
const ownIndex = "own"

// own reports whether the own index alone answers.
func (c *Config) own() bool { return c.Retriever == ownIndex || c.Retriever == "" }

// maxShards bounds how many replicas one answer is gathered from.
const maxShards = 64

// shard returns which of how many parts of the items a replica holds: 0 of 1 is all.
func (c *Config) shard() (shard, shards int, err error) {
	if c.Shard == "" {
		return 0, 1, nil
	}
	if _, err := fmt.Sscanf(c.Shard, "%d/%d", &shard, &shards); err != nil || shard < 0 || shard >= shards || shards > maxShards || c.Shard != fmt.Sprintf("%d/%d", shard, shards) {
		return 0, 1, fmt.Errorf("must be as 0/4, the first below the second, of at most %d", maxShards)
	}
	return shard, shards, nil
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	fault := func(wrong bool, field, reason string) {
		if wrong {
			faults = append(faults, &shop.FieldError{Field: field, Reason: reason})
		}
	}
	fault(c.Shoppers < 1 || c.Shoppers > 100_000_000, "shoppers", "must be from 1 to 100000000")
	fault(c.Sessions < 1 || c.Sessions > 100_000_000, "sessions", "must be from 1 to 100000000")
	fault(c.TrendingHalfLife < time.Minute, "trending-half-life", "must be at least 1m")
	fault(c.PopularHalfLife < c.TrendingHalfLife, "popular-half-life", "must be at least trending-half-life")
	fault(len(c.places()) > 0 && c.SnapshotEvery < 10*time.Second, "snapshot-every", "must be at least 10s")
	if _, _, err := c.shard(); err != nil {
		fault(true, "shard", err.Error())
	}
	if !c.own() {
		_, err := retrieve.ParseAddress(c.Retriever)
		fault(err != nil, "retriever", fmt.Sprint(err))
		fault(err == nil && c.Open == nil, "retriever", "is not in this program, which has no remote indexes: run services/recall/remote instead")
		fault(c.Shard != "", "shard", "must be empty with a remote retriever, which holds all items")
	}
	fault(c.Workers < 0, "workers", "must not be negative")
	fault(c.Queue < 0, "queue", "must not be negative")
	return errors.Join(faults...)
}

// options are the engine's part of the configuration.
func (c *Config) options() (engine.Options, error) {
	o := engine.Options{
		Shoppers: c.Shoppers, Sessions: c.Sessions,
		TrendingHalfLife: c.TrendingHalfLife, PopularHalfLife: c.PopularHalfLife,
	}
	var err error
	if o.Shard, o.Shards, err = c.shard(); err != nil {
		return o, err
	}
	o.Synonyms, err = readSynonyms(c.Synonyms)
	return o, err
}

// readSynonyms reads the rules of a file; no file has none.
func readSynonyms(path string) (*synonym.Rules, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read synonyms: %w", err)
	}
	defer file.Close()
	rules, err := synonym.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("read synonyms: %s: %w", path, err)
	}
	return rules, nil
}
