package recall

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/haggle-commerce/haggle/libs/registry"
)

// storePlace keeps snapshots in the object store of the bus, for all replicas of a shard.
type storePlace struct {
	files  *registry.Files
	prefix string
	sizes  map[string]int64
}

func (p *storePlace) String() string { return onBus }

func (p *storePlace) list(ctx context.Context) ([]string, error) {
	files, err := p.files.List(ctx, p.prefix)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		p.sizes[f.Name] = f.Bytes
	}
	slices.Reverse(names)
	return names, nil
}

func (p *storePlace) open(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	file, err := p.files.Open(ctx, name)
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	return file, p.sizes[name], nil
}

// write has the state in memory before it goes to the store, so that the streams wait for the first only.
func (p *storePlace) write(ctx context.Context, name string, save func(io.Writer) error) error {
	var file bytes.Buffer
	if err := save(&file); err != nil {
		return err
	}
	return p.files.Put(ctx, name, &file)
}

func (p *storePlace) remove(ctx context.Context, name string) error {
	return p.files.Delete(ctx, name)
}
