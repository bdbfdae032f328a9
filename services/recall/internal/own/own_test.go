package own

import (
	"testing"

	"github.com/haggle-commerce/haggle/services/recall/internal/conform"
	"github.com/haggle-commerce/haggle/services/recall/internal/engine"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

func TestConforms(t *testing.T) {
	conform.Run(t, func(t *testing.T) retrieve.Retriever {
		r := New(engine.New(engine.Defaults()))
		t.Cleanup(func() { _ = r.Close() })
		return r
	})
}
