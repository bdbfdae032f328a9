package haggle

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress tells people how far long work is: a bar on a terminal, a line every other second elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	begin    time.Time

	mu       sync.Mutex
	stage    string
	since    time.Time
	last     time.Time
	done     int
	finished bool
	bar      *progressbar.ProgressBar
}

func newProgress(out io.Writer, terminal bool) *progress {
	return &progress{out: out, terminal: terminal, begin: time.Now()}
}

// say prints a line with the seconds since the start.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(format, args...)
}

func (p *progress) line(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.out, "%5.1fs  %s\n", time.Since(p.begin).Seconds(), fmt.Sprintf(format, args...))
}

// every is how often a stage is shown where there is no terminal.
const every = 2 * time.Second

// step says that done of total of a stage are done; total is 0 where nobody knows. What comes after the end of a stage is not
// shown again.
func (p *progress) step(stage string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if stage != p.stage || done < p.done {
		p.drop()
		p.stage, p.since, p.last, p.finished = stage, now, now, false
		if p.terminal && total > 0 {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(stage),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		}
	}
	p.done = done
	switch {
	case p.finished:
	case total > 0 && done >= total:
		p.finished = true
		p.drop()
		p.line("%s: %d in %.1f s", stage, done, now.Sub(p.since).Seconds())
	case p.bar != nil:
		_ = p.bar.Set(done)
	case now.Sub(p.last) >= every:
		p.last = now
		if total <= 0 {
			p.line("%s: %d", stage, done)
			return
		}
		left := "?"
		if done > 0 {
			// In floating point, because nanoseconds times items are more than 64 bits hold.
			rest := float64(now.Sub(p.since)) * float64(total-done) / float64(done)
			left = time.Duration(min(rest, float64(maxLeft))).Round(time.Second).String()
		}
		p.line("%s: %d of %d, %s left", stage, done, total, left)
	}
}

// maxLeft bounds the estimate of the time that is left: whoever reads of more will not wait.
const maxLeft = 1000 * time.Hour

// leave ends a stage whose last step is not known as such.
func (p *progress) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
	p.stage, p.done = "", 0
}

// drop takes the bar away.
func (p *progress) drop() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
