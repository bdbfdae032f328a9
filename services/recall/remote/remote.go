// Package remote opens the back ends that can stand in for recall's own index. It is a module of its own, because their clients bring
// gRPC and half a hundred modules that no other service needs.
package remote

import (
	"fmt"

	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
	"github.com/haggle-commerce/haggle/services/recall/remote/opensearch"
	"github.com/haggle-commerce/haggle/services/recall/remote/qdrant"
)

// Open makes the retriever of an address. It does not wait for the back end to be there.
func Open(a retrieve.Address, login retrieve.Login) (retrieve.Retriever, error) {
	switch a.Kind {
	case retrieve.OpenSearch:
		return opensearch.Open(a, login)
	case retrieve.Qdrant:
		return qdrant.Open(a, login)
	}
	return nil, fmt.Errorf("open a back end: %q is unknown", a.Kind)
}
