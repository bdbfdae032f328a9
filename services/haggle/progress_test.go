package haggle

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgressWithoutATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, false)
		p.say("loading %s", "a shop")
		for i := range 10 {
			p.step("events", i*100, 1000)
			time.Sleep(time.Second)
		}
		p.step("events", 1000, 1000)
		// What comes after the end is nobody's business.
		p.step("events", 1000, 1000)
		p.step("events", 1001, 1000)
		// The same stage again is one of its own.
		p.step("events", 1, 1)
		p.step("rows", 7, 0)
		time.Sleep(every)
		p.step("rows", 8, 0)
		p.leave()
		p.step("nothing yet", 0, 10)
		time.Sleep(every)
		p.step("nothing yet", 0, 10)
		want := []string{
			"  0.0s  loading a shop",
			"  2.0s  events: 200 of 1000, 8s left",
			"  4.0s  events: 400 of 1000, 6s left",
			"  6.0s  events: 600 of 1000, 4s left",
			"  8.0s  events: 800 of 1000, 2s left",
			" 10.0s  events: 1000 in 10.0 s",
			" 10.0s  events: 1 in 0.0 s",
			" 12.0s  rows: 8",
			" 14.0s  nothing yet: 0 of 10, ? left",
		}
		if diff := cmp.Diff(want, strings.Split(strings.TrimRight(out.String(), "\n"), "\n")); diff != "" {
			t.Errorf("lines differ (-want +got):\n%s", diff)
		}
	})
}

func TestProgressOfLongWorkDoesNotOverflow(t *testing.T) {
	for _, tt := range []struct {
		done, total int
		want        string
	}{
		{1_000_000, 50_000_000, "49h0m0s left"},
		{1, math.MaxInt, "1000h0m0s left"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			p := newProgress(&out, false)
			p.step("events", 0, tt.total)
			time.Sleep(time.Hour)
			p.step("events", tt.done, tt.total)
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("%d of %d: %q, want %q", tt.done, tt.total, out.String(), tt.want)
			}
		})
	}
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, true)
		for i := range 4 {
			p.step("events", i*10, 40)
			time.Sleep(time.Second)
		}
		bars := out.String()
		if !strings.Contains(bars, "\r") || !strings.Contains(bars, "events") || strings.Contains(bars, "\n") {
			t.Errorf("a terminal got %q, want a bar that is drawn over itself", bars)
		}
		p.say("a remark")
		p.step("events", 40, 40)
		p.say("another")
		told := out.String()[len(bars):]
		for _, want := range []string{"\r  4.0s  a remark\n", "  4.0s  events: 40 in 4.0 s\n", "  4.0s  another\n"} {
			if !strings.Contains(told, want) {
				t.Errorf("then it got %q, want %q on a line of its own", told, want)
			}
		}
	})
}
