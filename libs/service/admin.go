package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/haggle-commerce/haggle/libs/observe"
)

// AdminHandler serves what operators and probes ask a process: /healthz says that it lives, /readyz that all its rooms can
// take work (or what they wait for), /metrics and /debug/pprof/ what it does.
func (h *House) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w)
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /metrics", observe.Handler(h.metrics))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return mux
}

func plain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// Waits returns what the process waits for before it can take work, one line per part of a room; empty when it is ready.
func (h *House) Waits() []string {
	kits := h.kits()
	if len(kits) == 0 {
		return []string{"starting"}
	}
	var waits []string
	for _, kit := range kits {
		for _, line := range kit.Health.Waits() {
			waits = append(waits, kit.Service+": "+line)
		}
	}
	return waits
}

func (h *House) readyz(w http.ResponseWriter, _ *http.Request) {
	waits := h.Waits()
	plain(w)
	if len(waits) == 0 {
		fmt.Fprintln(w, "ready")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, line := range waits {
		fmt.Fprintln(w, line)
	}
}

// Limits of the admin server: it answers probes and people, not a crowd.
const (
	readHeaderTimeout = 2 * time.Second
	readTimeout       = 5 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
)

// serveAdmin answers on the admin port until ctx ends.
func (h *House) serveAdmin(ctx context.Context) error {
	if h.listener == nil {
		return nil
	}
	server := &http.Server{
		Handler: h.AdminHandler(), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	// Profiles stream for as long as they were asked to, so there is no write timeout, and the end does not wait for them.
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin port: %w", err)
	}
	return nil
}
