package autoscaler

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/services/autoscaler/internal/simulate"
)

// cheapThreshold is the expected wait from which peers that are lent the cheaper path take it: what leaves 99 of 100 full answers
// in time with the default service times, and what the planner arrives at for them.
func cheapThreshold(m *simulate.Model) float64 {
	k := &m.Kinds[0]
	return max(0.1*m.Objective, m.Objective-k.Service.Quantile(0.99)/k.Speed)
}

// who returns the policy that a name such as keda:41 stands for.
func (s *simulation) who(m *simulate.Model) (simulate.Policy, error) {
	name, value, _ := strings.Cut(s.policy, ":")
	if name == "ours" && value == "" {
		return simulate.NewOurs(m, s.share), nil
	}
	x, err := strconv.ParseFloat(value, 64)
	if err != nil || x <= 0 {
		return nil, fmt.Errorf("-policy %q: want ours, static:N, hpa-cpu:PERCENT, keda:RATE or kpa:CONCURRENCY, with a number above 0", s.policy)
	}
	var path simulate.Path
	if s.cheap > 0 && s.share > 0 {
		path = simulate.Path{Threshold: cheapThreshold(m), MaxShare: 1}
	}
	switch name {
	case "static":
		return &simulate.Static{Path: path, N: int(x)}, nil
	case "hpa-cpu":
		return &simulate.HPA{Path: path, Utilisation: x / 100}, nil
	case "keda":
		return &simulate.HPA{Path: path, Rate: x}, nil
	case "kpa":
		return &simulate.KPA{Path: path, Target: x}, nil
	}
	return nil, fmt.Errorf("-policy %q: want ours, static:N, hpa-cpu:PERCENT, keda:RATE or kpa:CONCURRENCY", s.policy)
}

// faults takes replicas away at random.
func (s *simulation) faults(m *simulate.Model) simulate.Faults {
	if s.spotKill == 0 {
		return simulate.Faults{}
	}
	r := rand.New(rand.NewPCG(m.Seed, 4))
	return simulate.Faults{Kill: func(float64, string) int {
		if r.Float64() < s.spotKill/3600 {
			return 1
		}
		return 0
	}}
}

// progress tells every six simulated hours how far a run is.
func progress(w io.Writer, what string, seconds float64) func(hours float64) {
	return func(hours float64) {
		if int(hours)%6 == 0 {
			fmt.Fprintf(w, "%s: %.0f of %.0f h\n", what, hours, seconds/3600)
		}
	}
}

// writePicture draws a run into a file.
func writePicture(path string, t *simulate.Trace, r *simulate.Result) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create the picture: %w", err)
	}
	err = simulate.Draw(file, t.Start, r)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("draw the picture: %w", err)
	}
	return nil
}
