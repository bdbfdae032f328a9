package remote

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/qdrant/go-client/qdrant"

	"github.com/haggle-commerce/haggle/services/recall/internal/conform"
	"github.com/haggle-commerce/haggle/services/recall/internal/retrieve"
)

// live runs the suite against a back end whose address stands in a variable of the environment, such as
// HAGGLE_TEST_OPENSEARCH=opensearch+http://127.0.0.1:9200. Each test has a collection of its own, which remove takes away. Vectors are
// tested with ?dims=4 behind the address.
func live(t *testing.T, variable string, remove func(context.Context, retrieve.Address, retrieve.Login) error) {
	text := os.Getenv(variable)
	if text == "" {
		t.Skipf("!! SKIPPED: the suite of retrievers against a live server: %s is not set (docs/retrievers.md says how to start one)", variable)
	}
	address, options, _ := strings.Cut(text, "?")
	login := retrieve.Login{}
	if file := os.Getenv(variable + "_LOGIN"); file != "" {
		secret, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		login = retrieve.ParseLogin(string(secret))
	}
	conform.Run(t, func(t *testing.T) retrieve.Retriever {
		full := fmt.Sprintf("%s/haggle-test-%d", strings.TrimSuffix(address, "/"), time.Now().UnixNano())
		if options != "" {
			full += "?" + options
		}
		a, err := retrieve.ParseAddress(full)
		if err != nil {
			t.Fatalf("%s=%s: %v", variable, text, err)
		}
		r, err := Open(a, login)
		if err != nil {
			t.Fatal(err)
		}
		// A search needs the collection, which the first change makes.
		if err := r.Apply(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := remove(ctx, a, login); err != nil {
				t.Errorf("remove %s: %v", a.Collection, err)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
		})
		return r
	})
}

func TestOpenSearchConforms(t *testing.T) {
	live(t, "HAGGLE_TEST_OPENSEARCH", func(ctx context.Context, a retrieve.Address, login retrieve.Login) error {
		scheme := "http://"
		if a.Secure {
			scheme = "https://"
		}
		client, err := opensearchapi.NewClient(opensearchapi.Config{Client: opensearch.Config{Addresses: []string{scheme + a.Host}, Username: login.User, Password: login.Password}})
		if err != nil {
			return err
		}
		_, err = client.Indices.Delete(ctx, opensearchapi.IndicesDeleteReq{Indices: []string{a.Collection}})
		return err
	})
}

func TestQdrantConforms(t *testing.T) {
	live(t, "HAGGLE_TEST_QDRANT", func(ctx context.Context, a retrieve.Address, login retrieve.Login) error {
		host, port, err := net.SplitHostPort(a.Host)
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return err
		}
		client, err := qdrant.NewClient(&qdrant.Config{Host: host, Port: number, APIKey: login.Password, UseTLS: a.Secure})
		if err != nil {
			return err
		}
		defer client.Close()
		return client.DeleteCollection(ctx, a.Collection)
	})
}

func TestOpenKnowsTheKinds(t *testing.T) {
	for kind, known := range map[string]bool{retrieve.OpenSearch: true, retrieve.Qdrant: true, "elastic": false} {
		r, err := Open(retrieve.Address{Kind: kind, Host: "127.0.0.1:9", Collection: "items"}, retrieve.Login{})
		if (err == nil) != known {
			t.Errorf("Open of %q = %v, want known: %v", kind, err, known)
		}
		if err == nil {
			if err := r.Close(); err != nil {
				t.Errorf("Close of %q = %v", kind, err)
			}
		}
	}
}
