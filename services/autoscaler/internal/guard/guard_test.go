package guard

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// TestDirectionChangesAreBounded drives a guard with any wants: what it lets through changes direction at most 60 times a day, deep
// cuts apart, is never below a want that is just there, and shrinks by three tenths a minute at most.
func TestDirectionChangesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g Guard
		asked, direction, turned := 10, 0, 0
		past := []int{}
		wants := rapid.SliceOfN(rapid.IntRange(8, 10), 30, 60).Draw(t, "wants")
		hold := rapid.IntRange(1, 60).Draw(t, "steps between changes")
		for step := range 24 * 60 * 2 {
			want := wants[step/hold%len(wants)]
			out, _ := g.Apply(noon.Add(time.Duration(step)*30*time.Second), Signals{StartUp: 40 * time.Second}, []Target{{Name: "a", Want: want, Asked: asked, Max: 100}})
			if want >= asked && out[0] != want {
				t.Fatalf("step %d: %d wanted with %d there, %d got", step, want, asked, out[0])
			}
			past = append(past, asked)
			if before := past[max(0, step-2)]; out[0] < asked && float64(out[0]) < 0.7*float64(min(before, asked))-1 {
				t.Fatalf("step %d: from %d to %d within a minute", step, before, out[0])
			}
			switch {
			case out[0] > asked && direction < 0, out[0] < asked && direction > 0:
				turned++
			}
			if out[0] != asked {
				direction = map[bool]int{true: 1, false: -1}[out[0] > asked]
			}
			asked = out[0]
		}
		if turned > 60 {
			t.Fatalf("%d changes of direction in a day", turned)
		}
	})
}

// cut tells how far ten replicas are lowered, after an hour in which two were wanted.
func cut(s Signals, target Target) (int, []Limit) {
	var g Guard
	s.StartUp = 40 * time.Second
	target.Name, target.Want, target.Asked, target.Max = "a", 2, 10, 20
	blind := s
	blind.Blind = "not yet"
	for step := range 120 {
		g.Apply(noon.Add(time.Duration(step)*30*time.Second), blind, []Target{target})
	}
	out, limits := g.Apply(noon.Add(time.Hour), s, []Target{target})
	return out[0], limits
}

func TestNothingIsCut(t *testing.T) {
	none, two := 0, 2
	for name, c := range map[string]struct {
		signals Signals
		target  Target
		want    int
		limit   string
	}{
		"nothing in the way":  {want: 7, limit: "rate"},
		"blind":               {signals: Signals{Blind: "nothing is heard"}, want: 10, limit: "signals"},
		"paused":              {signals: Signals{DownPaused: true}, want: 10, limit: "pause"},
		"a rollout":           {target: Target{Rollout: true}, want: 10, limit: "rollout"},
		"no disruption":       {target: Target{Disruptions: &none}, want: 10, limit: "disruption"},
		"two disruptions":     {target: Target{Disruptions: &two}, want: 8, limit: "disruption"},
		"the demand is there": {target: Target{Reactive: 14}, want: 9, limit: "reactive"},
		"bounds":              {target: Target{Min: 9}, want: 9, limit: "bounds"},
	} {
		got, limits := cut(c.signals, c.target)
		seen := false
		for _, l := range limits {
			seen = seen || l.Name == c.limit
		}
		if !seen || got != c.want {
			t.Errorf("%s: lowered to %d because of %v, want %d because of %s", name, got, limits, c.want, c.limit)
		}
	}
}
