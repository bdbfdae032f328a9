// Package plan decides for one service how many replicas of each target hold its objective at the least cost. It joins the cores
// of forecast, capacity, decide and guard; it takes values and a time and returns values and reasons.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Planner makes the decisions for one service and remembers what it has learnt. It is used by one goroutine.
type Planner struct {
	settings Settings
}

// New returns a planner that has learnt nothing. Settings must pass Check.
func New(s Settings) *Planner { return &Planner{settings: s} }

// Configure replaces the settings and keeps what was learnt.
func (p *Planner) Configure(s Settings) { p.settings = s }

// Step returns the decision at now, which must not be called more often than Settings.Every.
func (p *Planner) Step(now time.Time, in Observation) Decision {
	d := Decision{Time: now.UTC(), Action: Hold, Rung: 1}
	for i := range in.Targets {
		t := &in.Targets[i]
		d.Targets = append(d.Targets, TargetDecision{
			Name: t.Name, Variant: t.Variant, Class: t.Class, Asked: t.Asked, Replicas: t.Asked,
			Ready: t.ready(), Starting: t.starting(), Leaving: t.leaving(),
		})
	}
	slices.SortFunc(d.Targets, func(a, b TargetDecision) int { return strings.Compare(a.Name, b.Name) })
	return d
}

// state is a checkpoint.
type state struct {
	Version int `json:"version"`
}

const stateVersion = 1

// Save returns what was learnt, as JSON of a few KiB, for a planner that goes on elsewhere.
func (p *Planner) Save() ([]byte, error) { return json.Marshal(state{Version: stateVersion}) }

// Restore takes over what another planner has learnt. An error leaves the planner as it is.
func (p *Planner) Restore(data []byte) error {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("decode checkpoint: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("checkpoint of version %d, want %d", s.Version, stateVersion)
	}
	return nil
}
