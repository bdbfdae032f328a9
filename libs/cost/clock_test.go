package cost

import (
	"context"
	"testing"
	"time"
)

// The laps of spans, one within the other's goroutine, and what the caller keeps are together what the thread's clock says.
func TestSpansShareTheClockOfTheirCaller(t *testing.T) {
	needsThreadClock(t)
	var c Clock
	c.Run()
	defer c.Pause()
	ctx := With(t.Context(), &c)
	worked := spin(3 * time.Millisecond)
	c.Exact()
	span, inner := Enter(ctx)
	if clockOf(inner) != &c {
		t.Error("a span within does not go by its caller's clock")
	}
	first := spin(5 * time.Millisecond)
	lap := span.Lap()
	second := spin(2 * time.Millisecond)
	if f := span.Settle(); f != 1 {
		t.Errorf("a span within settles by %v itself, want its caller to", f)
	}
	rest := span.Leave()
	exact := c.Exact()
	if lap < first/4 || rest < second/4 {
		t.Errorf("laps of %v and %v after %v and %v of work", lap, rest, first, second)
	}
	if c.Given() != lap+rest {
		t.Errorf("%v given to others, want %v", c.Given(), lap+rest)
	}
	if total := worked + first + second; exact < total || exact > total+5*time.Millisecond {
		t.Errorf("exact = %v after %v of work", exact, total)
	}
}

func TestSpanOfItsOwnSettlesExactly(t *testing.T) {
	needsThreadClock(t)
	span, ctx := Enter(t.Context())
	worked := spin(4 * time.Millisecond)
	lap := span.Lap()
	exact := time.Duration(float64(lap) * span.Settle())
	if exact < worked || exact > worked+4*time.Millisecond {
		t.Errorf("settled to %v after %v of work", exact, worked)
	}
	if span.Leave(); clockOf(ctx).running {
		t.Error("the clock runs on after the end of its span")
	}
}

// A wait between Pause and Resume is in no lap, and the goroutine holds no thread in it.
func TestPausedClockDoesNotCountWaiting(t *testing.T) {
	needsThreadClock(t)
	span, ctx := Enter(t.Context())
	waited := make(chan time.Duration)
	if !Pause(ctx) || Pause(ctx) {
		t.Fatal("a clock is not paused just once")
	}
	go func() { waited <- spin(30 * time.Millisecond) }()
	other := <-waited
	Resume(ctx)
	if lap := span.Lap(); lap > other/2 {
		t.Errorf("a lap of %v counts a wait for %v", lap, other)
	}
	span.Leave()
}

func TestApart(t *testing.T) {
	var c Clock
	c.Run()
	defer c.Pause()
	type key struct{}
	ctx := With(context.WithValue(t.Context(), key{}, 7), &c)
	apart := Apart(ctx)
	if clockOf(apart) != nil || apart.Value(key{}) != 7 {
		t.Error("a context apart tells the clock, or lost another value")
	}
	if plain := t.Context(); Apart(plain) != plain {
		t.Error("a context without a clock is wrapped for nothing")
	}
	if Pause(apart) {
		t.Error("a clock was paused from apart")
	}
	span, _ := Enter(apart)
	span.Leave()
	if c.Given() != 0 {
		t.Errorf("a span apart took %v from the clock", c.Given())
	}
}

func TestClockIsOff(t *testing.T) {
	Measure(false)
	defer Measure(true)
	span, ctx := Enter(t.Context())
	spin(time.Millisecond)
	if Pause(ctx) || span.Lap() != 0 || span.Settle() != 1 || span.Leave() != 0 {
		t.Error("a clock measures while metering is off")
	}
}

func TestPaceFollowsWhatIsSeen(t *testing.T) {
	defer pace.Store(pace.Load())
	pace.Store(paceScale)
	for range 1000 {
		learnPace(time.Millisecond, 4*time.Millisecond)
	}
	if got := paced(time.Second); got < 249*time.Millisecond || got > 251*time.Millisecond {
		t.Errorf("after a quarter of the processor for 4 s, paced(1s) = %v", got)
	}
	for range 1000 {
		learnPace(5*time.Millisecond, 4*time.Millisecond)
	}
	if got := paced(time.Second); got > time.Second {
		t.Errorf("paced(1s) = %v, more than the whole", got)
	}
}

func BenchmarkMeter(b *testing.B) {
	b.Run("clock=exact", func(b *testing.B) {
		m := Start()
		for b.Loop() {
			m.Lap()
		}
		m.Stop()
	})
	b.Run("clock=paced", func(b *testing.B) {
		s, _ := Enter(b.Context())
		for b.Loop() {
			s.Lap()
		}
		s.Leave()
	})
}
