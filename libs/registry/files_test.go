package registry_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/registry"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

func TestFiles(t *testing.T) {
	b := servicetest.Bus(t, servicetest.NATS(t), "recall")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	files := registry.NewFiles(b, wire.BucketSnapshots)
	if got, err := files.List(ctx, ""); err != nil || len(got) != 0 {
		t.Fatalf("List of nothing = %v, %v", got, err)
	}
	for _, name := range []string{"b-2", "a-1", "b-1"} {
		if err := files.Put(ctx, name, strings.NewReader("the file "+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Delete(ctx, "a-1"); err != nil {
		t.Fatal(err)
	}
	got, err := files.List(ctx, "b-")
	if diff := cmp.Diff([]registry.File{{Name: "b-1", Bytes: 12}, {Name: "b-2", Bytes: 12}}, got); err != nil || diff != "" {
		t.Fatalf("List: %v (-want +got):\n%s", err, diff)
	}
	file, err := files.Open(ctx, "b-2")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(file)
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if err != nil || string(text) != "the file b-2" {
		t.Errorf("file = %q, %v", text, err)
	}
	if _, err := files.Open(ctx, "a-1"); err == nil {
		t.Error("a deleted file is opened")
	}
}
