package engine

import (
	"fmt"

	"github.com/haggle-commerce/haggle/libs/model/encoder"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
	"github.com/haggle-commerce/haggle/services/recall/internal/snapshot"
	"github.com/haggle-commerce/haggle/services/recall/internal/vector"
)

// Settings names what the state of an engine depends on beside what it was told. A snapshot of other settings is refused.
func (o Options) Settings() string {
	return fmt.Sprintf("sessions=%d trending=%s popular=%s", o.Sessions, o.TrendingHalfLife, o.PopularHalfLife)
}

// section is a part of the state, by its name in a snapshot.
type section struct {
	name string
	// save appends the part; load sets it from what save appended, of an engine that has loaded the sections before it.
	save func(e *Engine, dst []byte) ([]byte, error)
	load func(e *Engine, b []byte) error
}

// sections are all parts of the state that cannot be worked out from the others, the catalogue first: the others use its slots. The
// models that a trainer publishes are not among them, since they are read from where they are published; but for the encoder, without
// which the vectors that it made of texts say nothing.
var sections = []section{
	{
		"catalogue",
		func(e *Engine, dst []byte) ([]byte, error) { return e.catalogue.AppendBinary(dst), nil },
		func(e *Engine, b []byte) (err error) {
			if e.catalogue, err = catalogue.Open(b); err != nil {
				return err
			}
			for s := range e.catalogue.Live().All {
				if e.catalogue.Created(s) != 0 {
					e.newest.Add(s)
				}
			}
			return nil
		},
	},
	{
		"words",
		func(e *Engine, dst []byte) ([]byte, error) { return e.words.AppendBinary(dst) },
		func(e *Engine, b []byte) (err error) {
			if e.words, err = lexical.Load(lexical.Defaults(), b); err != nil {
				return err
			}
			if e.words.Count() != e.catalogue.Count() || e.words.Size() > e.catalogue.Size() {
				return fmt.Errorf("%w: words of %d items in a catalogue of %d", pack.ErrBroken, e.words.Count(), e.catalogue.Count())
			}
			return nil
		},
	},
	{
		"phrases",
		func(e *Engine, dst []byte) ([]byte, error) { return e.phrases.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.phrases.Restore(b) },
	},
	{
		"choices",
		func(e *Engine, dst []byte) ([]byte, error) { return e.choices.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.choices.Restore(b, e.catalogue.Size()) },
	},
	{
		"cold",
		func(e *Engine, dst []byte) ([]byte, error) { return e.cold.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.cold.Restore(b, e.catalogue.Size()) },
	},
	{
		"trending",
		func(e *Engine, dst []byte) ([]byte, error) { return e.trending.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.trending.Restore(b, e.catalogue, e.ownsSlot) },
	},
	{
		"popular",
		func(e *Engine, dst []byte) ([]byte, error) { return e.popular.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.popular.Restore(b, e.catalogue, e.ownsSlot) },
	},
	{
		"sessions",
		func(e *Engine, dst []byte) ([]byte, error) { return e.sessions.AppendBinary(dst) },
		func(e *Engine, b []byte) error { return e.sessions.Restore(b, e.catalogue.Size()) },
	},
	{
		"shoppers",
		func(e *Engine, dst []byte) ([]byte, error) { return e.shoppers.AppendBinary(dst), nil },
		func(e *Engine, b []byte) error { return e.shoppers.Restore(b, e.catalogue.Size()) },
	},
	{"seen", (*Engine).saveSeen, (*Engine).loadSeen},
	{
		"vectors",
		func(e *Engine, dst []byte) ([]byte, error) { return e.vectors.given.AppendBinary(dst) },
		func(e *Engine, b []byte) (err error) {
			e.vectors.given, err = vector.Decode(b, e.vectorOptions(), e.catalogue.Size())
			return err
		},
	},
	{"encoder", (*Engine).saveEncoder, (*Engine).loadEncoder},
	{
		"texts",
		func(e *Engine, dst []byte) ([]byte, error) { return e.vectors.used.texts.AppendBinary(dst) },
		func(e *Engine, b []byte) (err error) {
			used := &e.vectors.used
			if used.texts, err = vector.Decode(b, e.vectorOptions(), e.catalogue.Size()); err != nil {
				return err
			}
			if n := used.texts.Dims(); n > 0 && (used.model == nil || used.model.Dims() != n) {
				return fmt.Errorf("%w: texts have vectors of %d numbers, which the encoder does not make", pack.ErrBroken, n)
			}
			return nil
		},
	},
}

// Save writes the state. Writers wait until it is written; those who ask do not.
func (e *Engine) Save(w *snapshot.Writer) error {
	e.writers.Lock()
	defer e.writers.Unlock()
	var room []byte
	for i := range sections {
		b, err := e.save(&sections[i], room[:0])
		if err != nil {
			return fmt.Errorf("save %s: %w", sections[i].name, err)
		}
		if err := w.Add(sections[i].name, b); err != nil {
			return err
		}
		room = b
	}
	return nil
}

func (e *Engine) save(s *section, dst []byte) ([]byte, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return s.save(e, dst)
}

// Load returns the engine that was saved. Nothing of a snapshot that is refused is used.
func Load(o Options, r *snapshot.Reader) (*Engine, error) {
	if r.Header.Settings != o.Settings() {
		return nil, fmt.Errorf("it was made with the settings %q, these are %q", r.Header.Settings, o.Settings())
	}
	e := New(o)
	for i := range sections {
		name, b, err := r.Next()
		if err != nil {
			return nil, err
		}
		if name != sections[i].name {
			return nil, fmt.Errorf("%w: section %q stands where %q is expected", snapshot.ErrBroken, name, sections[i].name)
		}
		if err := sections[i].load(e, b); err != nil {
			return nil, fmt.Errorf("load %s: %w", name, err)
		}
	}
	if name, _, err := r.Next(); err != nil || name != "" {
		return nil, fmt.Errorf("%w: section %q is not known: %w", snapshot.ErrBroken, name, err)
	}
	return e, nil
}

// saveEncoder writes the encoder in use: its name, and itself; nothing when there is none.
func (e *Engine) saveEncoder(dst []byte) ([]byte, error) {
	used := &e.vectors.used
	if used.model == nil {
		return dst, nil
	}
	return used.model.AppendBinary(pack.AppendText(dst, used.name))
}

func (e *Engine) loadEncoder(b []byte) (err error) {
	if len(b) == 0 {
		return nil
	}
	used, r := &e.vectors.used, pack.Read(b)
	used.name = r.Text()
	model := r.Rest()
	if err := r.End(); err != nil {
		return err
	}
	used.model, err = encoder.Decode(model)
	return err
}

// saveSeen writes the events that were seen lately, and the counts of the whole shop.
func (e *Engine) saveSeen(dst []byte) ([]byte, error) {
	dst = pack.AppendFloat(pack.AppendFloat(dst, e.bought), e.rebought)
	dst = pack.AppendUint(dst, uint64(e.seen.next))
	return pack.AppendList(dst, e.seen.ring[:]), nil
}

func (e *Engine) loadSeen(b []byte) error {
	r := pack.Read(b)
	e.bought, e.rebought = r.Float(), r.Float()
	e.seen.next = uint16(r.Below(len(e.seen.ring)))
	ring := pack.List[uint64](r)
	if len(ring) != len(e.seen.ring) {
		r.Fail("%d events were seen lately, want %d", len(ring), len(e.seen.ring))
	}
	for i, hash := range ring {
		if e.seen.ring[i] = hash; hash != 0 {
			e.seen.at[hash] = struct{}{}
		}
	}
	return r.End()
}

// hashOf is the hash by which events and askers are told from each other: FNV-1a, the same in every process.
func hashOf(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}
