package rivals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/services/recall/trial"
)

// side is an index in a process of its own, seen from the process that compares.
type side struct {
	name    string
	command *exec.Cmd
	stdin   io.WriteCloser
	write   *json.Encoder
	read    *json.Decoder
	built   built
	times   map[trial.Form][]float64
}

// built is what a side says first.
type built struct{ Seconds, BytesPerItem float64 }

// request asks a side for the queries of numbers From to To, the last not included.
type request struct {
	Form     trial.Form
	From, To int
	// Show asks for what was found instead of how long it took: writing that leaves garbage behind.
	Show bool
}

// reply is what a side answers, by query.
type reply struct {
	Micros []float64  `json:",omitempty"`
	Best   [][]string `json:",omitempty"`
	Totals []int      `json:",omitempty"`
}

// lines is a writer that several processes may write lines to at once.
type lines struct {
	lock sync.Mutex
	to   io.Writer
}

// Write implements [io.Writer].
func (l *lines) Write(text []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.to.Write(text)
}

// start starts a side and waits until it is built. Its files are kept in folder.
func start(ctx context.Context, name string, args []string, folder string, progress *lines) (*side, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &side{name: name, command: exec.CommandContext(ctx, program, append(slices.Clone(args), "-side", name)...), times: map[trial.Form][]float64{}}
	s.command.Stderr, s.command.Env = progress, append(os.Environ(), "TMPDIR="+folder)
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	s.write, s.read = json.NewEncoder(s.stdin), json.NewDecoder(stdout)
	if err := s.read.Decode(&s.built); err != nil {
		s.end()
		return nil, fmt.Errorf("build %s: %w", name, err)
	}
	return s, nil
}

// ask waits for an answer.
func (s *side) ask(r request) (*reply, error) {
	answer := &reply{}
	err := s.write.Encode(r)
	if err == nil {
		err = s.read.Decode(answer)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.name, err)
	}
	return answer, nil
}

// end ends the process and waits for that. Why it ended, if early, it said itself.
func (s *side) end() {
	_ = s.stdin.Close()
	_ = s.command.Wait()
}

func (s *side) figures() SideFigures {
	f := SideFigures{BuildSeconds: s.built.Seconds, BytesPerItem: s.built.BytesPerItem}
	f.MedianMicros, f.P99Micros = quantiles(s.times[trial.Any])
	f.CountedMedian, f.CountedP99 = quantiles(s.times[trial.Counted])
	f.AllMedian, f.AllP99 = quantiles(s.times[trial.All])
	return f
}

// quantiles returns the median and the 99th of a hundred.
func quantiles(times []float64) (median, p99 float64) {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100]
}

// index is one of those that are compared.
type index interface {
	// find returns the ids of the best items, best first, and how many items there are.
	find(ctx context.Context, text string, form trial.Form) (ids []string, total int, err error)
	close() error
}

// serve builds an index and asks it what the other process wants to know until that closes the pipe.
func serve(ctx context.Context, name string, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	runtime.GOMAXPROCS(1)
	build := map[string]func(context.Context, Options, func(string)) (index, built, error){"ours": buildOurs, "bleve": buildBleve}[name]
	if build == nil {
		return fmt.Errorf("there is no side %q", name)
	}
	x, b, err := build(ctx, o, func(line string) { fmt.Fprintf(stderr, "%s: %s\n", name, line) })
	if err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	defer x.close()
	queries := trial.NewCorpus(o.Items, o.Seed).Queries(o.Queries)
	runtime.GC()
	read, write := json.NewDecoder(stdin), json.NewEncoder(stdout)
	if err := write.Encode(b); err != nil {
		return err
	}
	for {
		var r request
		if err := read.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := r.answer(ctx, x, queries)
		if err != nil {
			return fmt.Errorf("search %s: %w", name, err)
		}
		if err := write.Encode(answer); err != nil {
			return err
		}
	}
}

func (r *request) answer(ctx context.Context, x index, queries []string) (*reply, error) {
	answer := &reply{}
	for _, text := range queries[r.From:r.To] {
		begin := cost.ProcessCPU()
		ids, total, err := x.find(ctx, text, r.Form)
		used := cost.ProcessCPU() - begin
		if err != nil {
			return nil, err
		}
		if r.Show {
			answer.Best, answer.Totals = append(answer.Best, ids[:min(len(ids), 10)]), append(answer.Totals, total)
		} else {
			answer.Micros = append(answer.Micros, float64(used)/float64(time.Microsecond))
		}
	}
	return answer, ctx.Err()
}
