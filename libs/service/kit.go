// Package service is what every service of the house is given and does alike: a kit of tools, configuration, health, and an end without loss.
package service

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/registry"
)

// Kit is what a service is given to touch the world with. It is passed by value; what it points to is shared.
type Kit struct {
	// Service is the name of the service, Instance that of this running of it: unique, and fit to be part of a subject.
	Service, Instance string
	// Log names the service in each line.
	Log *slog.Logger
	// Metrics is the registry of the process; a service's own metrics begin with haggle_<service>_.
	Metrics *prometheus.Registry
	Bus     *bus.Bus
	Online  *online.Store
	// Redis is for the one writer of rows, feature-store, and nil elsewhere.
	Redis  redis.UniversalClient
	Models *registry.Registry
	Prices cost.PriceBook
	// Ledger is this service's own.
	Ledger *cost.Ledger
	// Health is this service's own; a service says Ready when what it needs is loaded and tried.
	Health *Health
	// Traffic counts requests that do not come over the bus, for the vitals.
	Traffic *Traffic
	// Secrets are those of the start; Secrets.Now() has the newest.
	Secrets Secrets
	// Clock is time.Now outside tests.
	Clock func() time.Time
	// Process is the same for all rooms of one process.
	Process string
	// Cores and MemoryBytes are what the process asks of its node, 0 when unknown; Node and Pod say where it runs.
	Cores       float64
	MemoryBytes uint64
	Node, Pod   string
}
