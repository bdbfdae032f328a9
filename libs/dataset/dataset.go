// Package dataset reads catalogues and event logs as shops export them (CSV, TSV, JSON lines, Parquet; plain or gzipped), and
// splits and moves logs in time.
package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Errors that a reader returns, wrapped; everything else comes from the file system, from ctx or from emit.
var (
	// ErrColumns says that the file has no column that could be a key, a title or a time.
	ErrColumns = errors.New("needed columns are missing")
	// ErrMostlyBad says that more than half of the lines were rejected: this is no such file, or its columns were misread.
	ErrMostlyBad = errors.New("more than half of the lines are bad")
	// ErrFormat says that the file is in no format that can be read.
	ErrFormat = table.ErrFormat
)

// Options change how a file is read. The zero value reads what most shops export.
type Options struct {
	// PriceScale divides every price: 100 where the file has cents. 0 finds out: a column whose name says so (price_cents,
	// unit_amount) is in cents, and so is the price of an Icecat product export, which is known by its columns supplier,
	// ean and img_high or img_500x500 beside prices without a fraction. Every other price is taken as it is.
	PriceScale float64
	// Currency is for prices of a file that names none.
	Currency string
	// Kind is for the events of a log without a column for it. "" takes purchase, where the log has a column for an order, a
	// quantity or a price, and view_item elsewhere.
	Kind shop.EventKind
	// End, where set, moves all events by one time span, so that the last of them happens at End. The file is read twice.
	End time.Time
	// MaxHeld is how many rows of open transactions are held in memory, 500,000 by default, about 250 bytes each. Rows of one
	// transaction that lie further apart than that become several purchases.
	MaxHeld int
	// Progress, where set, is called at most four times a second and once at the end.
	Progress func(Progress)
}

// Progress says how far a reader is.
type Progress struct {
	// Bytes of Total bytes of the file are read, as they lie on the disk; where the file is read twice, both count twice.
	Bytes, Total int64
	// Rows is how many rows were read.
	Rows int
}

// LineError says why a line was rejected.
type LineError struct {
	// Line counts from 1 and includes a header; in Parquet and in a JSON array it is the number of the row.
	Line int
	// Field is the field of the item or event, "" for the line as a whole.
	Field, Reason string
}

// Error implements error.
func (e LineError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d: %s %s", e.Line, e.Field, e.Reason)
}

// maxErrors is how many line errors a report keeps.
const maxErrors = 20

// Report counts what became of every row. Read = Kept + Rejected + Duplicates.
type Report struct {
	// Read is how many rows the file has, without header and empty lines.
	Read int
	// Kept rows are in what was emitted. Emitted counts items or events: of events it may be less than Kept, because the
	// rows of one transaction are one event; of items it is Kept and Duplicates together.
	Kept, Emitted int
	// Rejected rows could not be used; Errors holds the first 20 reasons.
	Rejected int
	Errors   []LineError
	// Duplicates are items whose key had come before (they were emitted again: the last one counts), or events whose id had
	// (they were left out: the first one counts).
	Duplicates int
	// Dropped counts the values of kept rows that were left out, by the reason: "attribute: is an address" and so on.
	Dropped map[string]int
	// Columns says what each column of the file was taken for: "supplier" -> "brand".
	Columns map[string]string
	// First and Last are the times of the earliest and the latest event, after the move to [Options.End].
	First, Last time.Time
}

func (r *Report) reject(line int, field, reason string) {
	r.Rejected++
	if len(r.Errors) < maxErrors {
		r.Errors = append(r.Errors, LineError{line, field, reason})
	}
}

func (r *Report) drop(reason string) {
	if r.Dropped == nil {
		r.Dropped = map[string]int{}
	}
	r.Dropped[reason]++
}

// String tells people what became of the rows.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "read %d rows: kept %d, rejected %d, duplicates %d", r.Read, r.Kept, r.Rejected, r.Duplicates)
	if r.Emitted != r.Kept+r.Duplicates {
		fmt.Fprintf(&b, ", as %d events", r.Emitted)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(&b, "\n  %s", e)
	}
	if more := r.Rejected - len(r.Errors); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Dropped)) {
		fmt.Fprintf(&b, "\n  left out %d x %s", r.Dropped[reason], reason)
	}
	return b.String()
}

// ReadItems reads a catalogue and hands each item to emit, in the order of the file. An item whose key comes again is emitted
// again: the last one counts. It returns what became of every row, also beside an error: [ErrFormat], [ErrColumns],
// [ErrMostlyBad], an error of the file, of emit or of ctx.
func ReadItems(ctx context.Context, path string, o Options, emit func(shop.Item) error) (Report, error) {
	p := &itemPlan{options: o, seen: map[uint64]struct{}{}, best: map[role]pick{}, emit: emit}
	report, err := read(ctx, path, o, pass{p, 0, 1})
	if err != nil {
		return report, fmt.Errorf("read items of %s: %w", path, err)
	}
	return report, nil
}

// LoadItems reads a catalogue into memory, each key once, with the last of its rows.
func LoadItems(ctx context.Context, path string, o Options) ([]shop.Item, Report, error) {
	var items []shop.Item
	at := map[shop.ItemID]int{}
	report, err := ReadItems(ctx, path, o, func(it shop.Item) error {
		if i, again := at[it.ID]; again {
			items[i] = it
			return nil
		}
		at[it.ID] = len(items)
		items = append(items, it)
		return nil
	})
	return items, report, err
}

// ReadEvents reads an event log and hands each event to emit. Events come in the order of the file, but for those that are
// gathered from several rows of one transaction: these come at the end, in the order of their times. The errors are those of
// [ReadItems].
func ReadEvents(ctx context.Context, path string, o Options, emit func(shop.Event) error) (Report, error) {
	passes, move := 1, time.Duration(0)
	if !o.End.IsZero() {
		passes = 2
		report, err := read(ctx, path, o, pass{newEventPlan(o, 0, func(shop.Event) error { return nil }), 0, passes})
		if err != nil {
			return report, fmt.Errorf("read events of %s: %w", path, err)
		}
		move = o.End.Sub(report.Last)
	}
	report, err := read(ctx, path, o, pass{newEventPlan(o, move, emit), passes - 1, passes})
	if err != nil {
		return report, fmt.Errorf("read events of %s: %w", path, err)
	}
	return report, nil
}

// plan turns rows into items or events.
type plan interface {
	// learn sees the first rows, to find out what the columns are; it returns an error of ErrColumns where they do not do.
	learn(rows []table.Row, r *Report) error
	// take uses one row: it counts it in the report as kept, rejected or duplicate. An error ends the reading.
	take(row *table.Row, r *Report) error
	// finish emits what was held back.
	finish(r *Report) error
}

type pass struct {
	plan
	// number of total passes over the file, from 0.
	number, total int
}

// sampleRows is how many rows a plan sees before it decides what the columns are.
const sampleRows = 200

// read goes through a file once. Only the sample is held.
func read(ctx context.Context, path string, o Options, p pass) (report Report, err error) {
	src, err := table.Open(path)
	if err != nil {
		return report, err
	}
	defer func() {
		err = errors.Join(err, src.Close())
		// Faults of the sample's values are found after faults of its lines.
		slices.SortStableFunc(report.Errors, func(a, b LineError) int { return cmp.Compare(a.Line, b.Line) })
	}()
	show := newProgressMeter(o.Progress, src, p)
	var sample []table.Row
	learnt := false
	settle := func() error {
		learnt = true
		if err := p.learn(sample, &report); err != nil {
			return err
		}
		for i := range sample {
			if err := p.take(&sample[i], &report); err != nil {
				return err
			}
		}
		sample = nil
		return nil
	}
	for {
		var next table.Row
		err := src.Next(&next)
		var bad table.RowError
		switch {
		case errors.Is(err, io.EOF):
			if !learnt {
				if err := settle(); err != nil {
					return report, err
				}
			}
			if err := report.mostlyBad(1); err != nil {
				return report, err
			}
			if err := p.finish(&report); err != nil {
				return report, err
			}
			show.last(report.Read)
			return report, nil
		case errors.As(err, &bad):
			report.Read++
			report.reject(bad.Line, "", bad.Reason)
		case err != nil:
			return report, fmt.Errorf("after %d rows: %w", report.Read, err)
		default:
			report.Read++
			if learnt {
				err = p.take(&next, &report)
			} else if sample = append(sample, next); len(sample) == sampleRows {
				err = settle()
			}
			if err != nil {
				return report, err
			}
		}
		if report.Read%64 == 0 {
			if err := ctx.Err(); err != nil {
				return report, err
			}
			if err := report.mostlyBad(2000); err != nil {
				return report, err
			}
			show.now(report.Read)
		}
	}
}

// mostlyBad is ErrMostlyBad once at least the given number of rows was read and more than half of them were rejected.
func (r *Report) mostlyBad(after int) error {
	if r.Read < after || r.Rejected*2 <= r.Read {
		return nil
	}
	columns := slices.Sorted(maps.Keys(r.Columns))
	first := ""
	if len(r.Errors) > 0 {
		first = "; the first: " + r.Errors[0].Error()
	}
	return fmt.Errorf("%w: %d of %d%s; columns found: %s", ErrMostlyBad, r.Rejected, r.Read, first, listed(columns))
}

// listed joins names for an error, at most 40 of them.
func listed(names []string) string {
	if len(names) > 40 {
		return strings.Join(names[:40], ", ") + fmt.Sprintf(" and %d more", len(names)-40)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// progressMeter calls back at most four times a second.
type progressMeter struct {
	call func(Progress)
	src  *table.File
	pass pass
	due  time.Time
}

func newProgressMeter(call func(Progress), src *table.File, p pass) *progressMeter {
	return &progressMeter{call: call, src: src, pass: p, due: time.Now().Add(progressEvery)}
}

const progressEvery = 250 * time.Millisecond

func (m *progressMeter) now(rows int) {
	if m.call == nil {
		return
	}
	if now := time.Now(); now.After(m.due) {
		m.due = now.Add(progressEvery)
		m.tell(m.src.BytesRead(), rows)
	}
}

func (m *progressMeter) last(rows int) {
	if m.call != nil && m.pass.number == m.pass.total-1 {
		m.tell(m.src.Size(), rows)
	}
}

func (m *progressMeter) tell(bytes int64, rows int) {
	m.call(Progress{Bytes: int64(m.pass.number)*m.src.Size() + bytes, Total: int64(m.pass.total) * m.src.Size(), Rows: rows})
}
