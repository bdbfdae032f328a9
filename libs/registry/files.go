package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/haggle-commerce/haggle/libs/bus"
)

// File is one file of a [Files].
type File struct {
	Name  string
	Bytes int64
}

// Files are the files of one object store, for a service that keeps what is its own there. Its methods may be called at once.
type Files struct {
	bus    *bus.Bus
	bucket string
}

// NewFiles returns the files of a bucket.
func NewFiles(b *bus.Bus, bucket string) *Files { return &Files{bus: b, bucket: bucket} }

// List returns the files whose names begin with prefix, by name.
func (f *Files) List(ctx context.Context, prefix string) ([]File, error) {
	var files []File
	err := f.bus.Ask(ctx, readWait, func(ctx context.Context) error {
		store, err := f.bus.Objects(ctx, f.bucket)
		if err != nil {
			return err
		}
		all, err := store.List(ctx)
		if errors.Is(err, jetstream.ErrNoObjectsFound) {
			return nil
		}
		for _, object := range all {
			if strings.HasPrefix(object.Name, prefix) {
				files = append(files, File{Name: object.Name, Bytes: int64(object.Size)})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list files of %s: %w", f.bucket, err)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// Put stores a file. One that was stored in part only is not listed.
func (f *Files) Put(ctx context.Context, name string, from io.Reader) error {
	store, err := f.bus.Objects(ctx, f.bucket)
	if err == nil {
		_, err = store.Put(ctx, jetstream.ObjectMeta{Name: name}, from)
	}
	if err != nil {
		return fmt.Errorf("store file %s: %w", name, err)
	}
	return nil
}

// Open returns a file to read; its end is an error when what was read is not what was stored. The caller closes it, before ctx ends.
func (f *Files) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	store, err := f.bus.Objects(ctx, f.bucket)
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", name, err)
	}
	file, err := store.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", name, err)
	}
	return file, nil
}

// Delete takes a file out.
func (f *Files) Delete(ctx context.Context, name string) error {
	store, err := f.bus.Objects(ctx, f.bucket)
	if err == nil {
		err = store.Delete(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("delete file %s: %w", name, err)
	}
	return nil
}
