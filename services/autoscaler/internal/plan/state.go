package plan

import (
	"encoding/json"
	"fmt"
)

// stateVersion is of the checkpoint: 1 was the first.
const stateVersion = 1

// Save returns what was learnt, as JSON, for a planner that goes on elsewhere.
func (p *Planner) Save() ([]byte, error) {
	data, err := json.Marshal(&p.learnt)
	if err != nil {
		return nil, fmt.Errorf("encode checkpoint: %w", err)
	}
	return data, nil
}

// Restore takes over what another planner has learnt. An error leaves the planner as it is.
func (p *Planner) Restore(data []byte) error {
	var l learnt
	if err := json.Unmarshal(data, &l); err != nil {
		return fmt.Errorf("decode checkpoint: %w", err)
	}
	if l.Version != stateVersion {
		return fmt.Errorf("checkpoint of version %d, want %d", l.Version, stateVersion)
	}
	p.learnt = l
	return nil
}
