package plan

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// asked is a service of replicas that have been ready for long and are asked so many times a second, at 40 ms each.
func asked(replicas int, rate float64) Observation {
	price := 0.08
	t := Target{
		Name: "ranking", Variant: "full", Price: &price, Cores: 2, Workers: 2, Min: 1, Max: 50, Asked: replicas,
		Service: &Service{Mean: 40 * time.Millisecond, CV: 0.5},
		Vitals:  &Vitals{Window: 5 * time.Second, Arrivals: 5 * rate, Done: 5 * rate, BusyNanos: 5 * rate * 40e6, CPUNanos: 5 * rate * 40e6, Fresh: 1},
	}
	for i := range replicas {
		t.Replicas = append(t.Replicas, Replica{UID: string(rune('a' + i)), Created: noon.Add(-time.Hour), Ready: noon.Add(-50 * time.Minute)})
	}
	return Observation{Source: Bus, Targets: []Target{t}}
}

func TestStepExplainsItself(t *testing.T) {
	p := New(Default(160 * time.Millisecond))
	var d Decision
	var outcomes int
	for step := range 60 {
		d = p.Step(noon.Add(time.Duration(step)*5*time.Second), asked(2, 200))
		outcomes += len(d.Outcomes)
	}
	if d.Action != Up || d.Targets[0].Replicas < 5 || d.Targets[0].Replicas > 9 {
		t.Errorf("for 200 requests/s of 40 ms on 2 replicas: %s to %d", d.Action, d.Targets[0].Replicas)
	}
	if len(d.Alternatives) != 3 || d.HPA == nil || *d.HPA < 6 || d.PerThousand == nil || d.Targets[0].Weight != 1 || outcomes == 0 || len(d.Reasons) == 0 {
		t.Errorf("the reckoning lacks something: %+v", d)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var again Decision
	if err := json.Unmarshal(text, &again); err != nil || !cmp.Equal(d, again) {
		t.Errorf("a decision does not survive being stored: %v", cmp.Diff(d, again))
	}
}

func TestRestoreGoesOn(t *testing.T) {
	a := New(Default(160 * time.Millisecond))
	for step := range 300 {
		a.Step(noon.Add(time.Duration(step)*5*time.Second), asked(6, 150+float64(step%20)))
	}
	data, err := a.Save()
	if err != nil {
		t.Fatal(err)
	}
	b := New(Default(160 * time.Millisecond))
	if err := b.Restore(data); err != nil {
		t.Fatal(err)
	}
	now := noon.Add(1500 * time.Second)
	if x, y := a.Step(now, asked(6, 160)), b.Step(now, asked(6, 160)); !cmp.Equal(x, y) {
		t.Errorf("a successor decides otherwise: %s", cmp.Diff(x, y))
	}
	for _, bad := range []string{"", "{", `{"version":0}`} {
		if err := b.Restore([]byte(bad)); err == nil {
			t.Errorf("Restore(%q) did not fail", bad)
		}
	}
}

func TestNothingIsKnown(t *testing.T) {
	p := New(Default(160 * time.Millisecond))
	d := p.Step(noon, Observation{Source: None, Targets: []Target{{Name: "a", Asked: 4, Max: 9}}})
	if d.Action != Hold || d.Targets[0].Replicas != 4 || d.Rung < 3 || d.Conditions.PricesKnown {
		t.Errorf("of nothing: %+v", d)
	}
	if d := p.Step(noon.Add(5*time.Second), Observation{}); d.Action != Hold || len(d.Targets) != 0 {
		t.Errorf("without targets: %+v", d)
	}
}

func TestCheckSettings(t *testing.T) {
	if err := Default(time.Second).Check(); err != nil {
		t.Error(err)
	}
	if err := (Settings{Quality: 2, SpotShare: -1}).Check(); err == nil {
		t.Error("settings of nothing pass")
	}
}
