package dataset

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func ExampleSplitByShare() {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	// Ten events; the last 20 % are days 9 and 10, the 20 % before them days 7 and 8.
	var times []time.Time
	for n := 1; n <= 10; n++ {
		times = append(times, day(n))
	}
	split, err := SplitByShare(times, 0.2, 0.2)
	fmt.Println(split.Valid.Day(), split.Test.Day(), err)
	fmt.Println(split.Part(day(6)), split.Part(day(7)), split.Part(day(9)))
	// Output:
	// 7 9 <nil>
	// train valid test
}

func TestSplitByShareKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Int64Range(0, 50), 1, 60).Draw(t, "seconds")
		valid, test := rapid.Float64Range(0, 0.45).Draw(t, "valid"), rapid.Float64Range(0, 0.45).Draw(t, "test")
		times := make([]time.Time, len(seconds))
		for i, s := range seconds {
			times[i] = time.Unix(s, 0)
		}
		split, err := SplitByShare(times, valid, test)
		if err != nil {
			t.Fatal(err)
		}
		if split.Test.Before(split.Valid) {
			t.Fatalf("test begins at %v, before validation at %v", split.Test, split.Valid)
		}
		counts := map[Part]int{}
		last := Train
		for _, at := range times {
			p := split.Part(at)
			if p < last {
				t.Fatalf("part %v after part %v", p, last)
			}
			last = p
			counts[p]++
		}
		// Events of one second stay together, so a part can be larger than its share, never smaller by more than rounding.
		if got, want := counts[Test], int(test*float64(len(times))+0.5); got < want {
			t.Fatalf("test part has %d events, want at least %d", got, want)
		}
	})
}

func TestSplitFaults(t *testing.T) {
	now := []time.Time{time.Unix(1, 0)}
	for _, tt := range [][2]float64{{-0.1, 0.1}, {0.5, 0.5}, {0, 1}} {
		if split, err := SplitByShare(now, tt[0], tt[1]); err == nil {
			t.Errorf("SplitByShare(%v) = %v, want an error", tt, split)
		}
	}
	if _, err := SplitByShare(nil, 0.1, 0.1); err == nil {
		t.Error("SplitByShare of no events gave no error")
	}
	if _, err := SplitByDuration(now[0], -1, 0); err == nil {
		t.Error("SplitByDuration of less than nothing gave no error")
	}
}

func TestSplitByDuration(t *testing.T) {
	last := time.Unix(1000, 0)
	split, err := SplitByDuration(last, 20*time.Second, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for seconds, want := range map[int64]Part{1000: Test, 991: Test, 990: Valid, 971: Valid, 970: Train, 0: Train} {
		if got := split.Part(time.Unix(seconds, 0)); got != want {
			t.Errorf("Part(%d s) = %v, want %v", seconds, got, want)
		}
	}
}

func TestShiftAndSort(t *testing.T) {
	events := []shop.Event{{ID: "b", Time: time.Unix(10, 0)}, {ID: "c", Time: time.Unix(30, 0)}, {ID: "a", Time: time.Unix(10, 0)}}
	if move := Shift(events, time.Unix(130, 0)); move != 100*time.Second {
		t.Errorf("Shift moved by %v, want 100s", move)
	}
	SortByTime(events)
	got := ""
	for _, e := range events {
		got += fmt.Sprintf("%s%d ", e.ID, e.Time.Unix())
	}
	if want := "a110 b110 c130 "; got != want {
		t.Errorf("events are %q, want %q", got, want)
	}
	if move := Shift(nil, time.Unix(1, 0)); move != 0 {
		t.Errorf("Shift of nothing moved by %v", move)
	}
}
