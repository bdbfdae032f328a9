package plan

import (
	"errors"
	"fmt"
	"time"
)

// Settings are what the plans of one service hold to. [Default] has all but the objective's sake settled.
type Settings struct {
	// Objective is the time within which a request is to be answered, and Budget the share of the requests that may take longer.
	Objective time.Duration `json:"objective_nanos"`
	Budget    float64       `json:"budget"`
	// Brownout bounds the cheaper path; Share 0 means that the service has none.
	Brownout BrownoutSettings `json:"brownout"`
	// Quality is the least mean quality of the answers, 0 for none; SpotShare the greatest share of the capacity on spot nodes.
	Quality   float64 `json:"quality,omitempty"`
	SpotShare float64 `json:"spot_share"`
	// SpendCap is the greatest price of all replicas in dollars per hour; 0 for none.
	SpendCap float64 `json:"spend_cap_usd_per_hour,omitempty"`
	// Every is how often Step is called; StartUp is believed of replicas until some have been seen to start.
	Every   time.Duration `json:"every_nanos"`
	StartUp time.Duration `json:"start_up_nanos"`
	// Stay is for how long a mix of targets is expected to stay right: what moving to it must pay for itself within.
	Stay time.Duration `json:"stay_nanos"`
}

// BrownoutSettings describe the cheaper path of a service.
type BrownoutSettings struct {
	// Share is the greatest share of a day's requests that may take it, 0 to 1; Cost is what it takes of a full answer's time.
	Share float64 `json:"share"`
	Cost  float64 `json:"cost"`
}

// Default returns settings for an objective: one of 200 answers may be late, no cheaper path, half of the capacity on spot nodes.
func Default(objective time.Duration) Settings {
	return Settings{Objective: objective, Budget: 0.005, SpotShare: 0.5, Every: 5 * time.Second, StartUp: 40 * time.Second, Stay: 30 * time.Minute}
}

// Check returns every fault, joined.
func (s Settings) Check() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	require(s.Objective > 0, "objective %s: want more than 0", s.Objective)
	require(s.Budget > 0 && s.Budget < 1, "budget %g: want more than 0, less than 1", s.Budget)
	require(share(s.Brownout.Share), "brownout share %g: want 0 to 1", s.Brownout.Share)
	require(s.Brownout.Share == 0 || s.Brownout.Cost > 0 && s.Brownout.Cost < 1, "brownout cost %g: want more than 0, less than 1", s.Brownout.Cost)
	require(share(s.Quality), "quality %g: want 0 to 1", s.Quality)
	require(share(s.SpotShare), "spot share %g: want 0 to 1", s.SpotShare)
	require(s.SpendCap >= 0, "spend cap %g: want 0 at least", s.SpendCap)
	require(s.Every >= time.Second && s.Every <= time.Minute, "every %s: want 1s to 1m", s.Every)
	require(s.StartUp > 0, "start-up %s: want more than 0", s.StartUp)
	require(s.Stay > 0, "stay %s: want more than 0", s.Stay)
	return errors.Join(faults...)
}
