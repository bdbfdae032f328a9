package simulate

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// The picture's size and its three panels, in pixels.
const (
	pictureWidth = 960
	pictureLeft  = 70
	pictureRight = 20
	panelHeight  = 120
	panelGap     = 44
)

// Draw writes a picture of a run as SVG: what was asked, how many replicas were wanted and ready, what was late and cheap.
func Draw(w io.Writer, start time.Time, r *Result) error {
	out := bufio.NewWriter(w)
	height := 3*(panelHeight+panelGap) + 30
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", pictureWidth, height, pictureWidth, height)
	fmt.Fprintf(out, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	column := func(pick func(Minute) float64) []float64 {
		values := make([]float64, len(r.Minutes))
		for i, m := range r.Minutes {
			values[i] = pick(m)
		}
		return values
	}
	panels := []struct {
		title  string
		series []series
	}{
		{"requests per second", []series{{"#1f5fa8", column(func(m Minute) float64 { return m.Rate })}}},
		{"replicas: wanted (orange), ready (green)", []series{
			{"#d9822b", column(func(m Minute) float64 { return float64(m.Wanted) })},
			{"#2e8b57", column(func(m Minute) float64 { return float64(m.Ready) })},
		}},
		{"% of requests: cheaper path (grey), late or refused (red)", []series{
			{"#999999", column(func(m Minute) float64 { return 100 * m.Cheap })},
			{"#c0392b", column(func(m Minute) float64 { return 100 * m.Late })},
		}},
	}
	for i, p := range panels {
		panel(out, 30+i*(panelHeight+panelGap), p.title, p.series)
	}
	hours(out, start, len(r.Minutes), 30+3*(panelHeight+panelGap)-panelGap+16)
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

type series struct {
	colour string
	values []float64
}

// panel draws lines over one another on a common scale.
func panel(w io.Writer, top int, title string, lines []series) {
	most := 0.0
	for _, s := range lines {
		for _, v := range s.values {
			most = max(most, v)
		}
	}
	most = ceiling(most)
	fmt.Fprintf(w, `<text x="%d" y="%d">%s</text>`+"\n", pictureLeft, top-6, title)
	for _, part := range []float64{0, 0.5, 1} {
		y := float64(top) + panelHeight*(1-part)
		fmt.Fprintf(w, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#e0e0e0"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			pictureLeft, pictureWidth-pictureRight, y, y, pictureLeft-6, y+4, most*part)
	}
	for _, s := range lines {
		fmt.Fprintf(w, `<polyline fill="none" stroke="%s" stroke-width="1.2" points="%s"/>`+"\n", s.colour, points(s.values, top, most))
	}
}

// points lays values out, at most two for each pixel: the least and the greatest of those that share it.
func points(values []float64, top int, most float64) string {
	var b strings.Builder
	width := pictureWidth - pictureLeft - pictureRight
	each := max(1, (len(values)+width-1)/width)
	for i := 0; i < len(values); i += each {
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range values[i:min(i+each, len(values))] {
			low, high = min(low, v), max(high, v)
		}
		x := pictureLeft + float64(width)*float64(i)/float64(max(1, len(values)))
		for _, v := range [...]float64{low, high} {
			fmt.Fprintf(&b, "%.1f,%.1f ", x, float64(top)+panelHeight*(1-v/most))
			if low == high {
				break
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// ceiling is the next of 1, 2, 5 times a power of ten.
func ceiling(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5, 10} {
		if x <= f*power {
			return f * power
		}
	}
	return 10 * power
}

// hours labels the time, by about eight marks.
func hours(w io.Writer, start time.Time, minutes, y int) {
	if minutes == 0 {
		return
	}
	step := max(1, minutes/8)
	layout := "15:04"
	if minutes > 2*24*60 {
		layout = "01-02 15:04"
	}
	for m := 0; m < minutes; m += step {
		x := pictureLeft + float64(pictureWidth-pictureLeft-pictureRight)*float64(m)/float64(minutes)
		fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, y, start.Add(time.Duration(m)*time.Minute).Format(layout))
	}
}
