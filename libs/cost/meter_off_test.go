package cost

import "testing"

func TestMeasureTurnsMetersOff(t *testing.T) {
	Measure(false)
	defer Measure(true)
	m := Start()
	for i, sum := 0, 0; i < 1e6; i++ {
		sum += i
		_ = sum
	}
	if lap, rest := m.Lap(), m.Stop(); lap != 0 || rest != 0 {
		t.Errorf("a meter that is off took %v and %v, want 0", lap, rest)
	}
}
