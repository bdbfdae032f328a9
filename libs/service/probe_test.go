package service

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("the probe asked for %s, want /readyz", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("recall: catalogue\n"))
	}))
	address := strings.TrimPrefix(server.URL, "http://")
	if err := probe(t.Context(), address); err != nil {
		t.Errorf("probe of a ready service = %v, want nil", err)
	}
	if err := probe(t.Context(), ":"+address[strings.LastIndexByte(address, ':')+1:]); err != nil {
		t.Errorf("probe of all addresses = %v, want nil", err)
	}
	status = http.StatusServiceUnavailable
	if err := probe(t.Context(), address); err == nil || !strings.Contains(err.Error(), "recall: catalogue") {
		t.Errorf("probe of a service that waits = %v, want what it waits for", err)
	}
	server.Close()
	for _, admin := range []string{address, adminOff} {
		if err := probe(t.Context(), admin); err == nil {
			t.Errorf("probe(%q) = nil, want an error", admin)
		}
	}
}

func TestProbing(t *testing.T) {
	rest, found := probing([]string{"-admin", ":9600", "-probe"})
	if want := []string{"-admin", ":9600"}; !found || !slices.Equal(rest, want) {
		t.Errorf("probing = %v, %v, want %v, true", rest, found, want)
	}
	if _, found := probing([]string{"-admin", ":9600"}); found {
		t.Error("probing found a flag that is not there")
	}
}
