package session

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/model/linear"
	"github.com/haggle-commerce/haggle/libs/model/trees"
)

// Model is what is chosen and learnt from the log of a shop: the constants, and how the evidence is weighed.
type Model struct {
	Params Params
	// Scorer gives rows of [Features] a score; nil leaves the fixed mix of the evidence.
	Scorer model.Scorer
}

// Default returns the model to begin with. Its weights were learnt on sessions of Diginetica's training part, the earlier ones
// giving the evidence and 8,000 beginnings of the later ones the questions, and rounded.
func Default() *Model {
	return &Model{Params: Defaults(), Scorer: &linear.Model{Weights: slices.Clone(defaultWeights[:])}}
}

// defaultWeights are in the order of [Features].
var defaultWeights = [featureCount]float32{
	-0.05, 0.13, 0, 0.09, 0.07, 0, 0.06, 0, 0.89, 0,
	-0.09, 7.5, -0.56, -0.52, 0, 1.08, 0, 0, 0,
}

// The forms of a scorer in a file.
const (
	scorerNone = iota
	scorerLinear
	scorerTrees
)

func (m *Model) check() error {
	if err := m.Params.Check(); err != nil {
		return err
	}
	if m.Scorer != nil && m.Scorer.Features() != featureCount {
		return fmt.Errorf("the scorer has %d features, want %d", m.Scorer.Features(), featureCount)
	}
	return nil
}

// Encode writes the model file. Notes are for people. The payload is uint32 length of the constants, the constants as JSON, a
// byte for the form of the scorer (0 none, 1 weighted sum, 2 trees) and the scorer as its package writes it.
func (m *Model) Encode(notes map[string]string) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("encode session model: %w", err)
	}
	params, err := json.Marshal(m.Params)
	if err != nil {
		return nil, fmt.Errorf("encode session model: %w", err)
	}
	payload := append(binary.LittleEndian.AppendUint32(nil, uint32(len(params))), params...)
	switch s := m.Scorer.(type) {
	case nil:
		payload = append(payload, scorerNone)
	case *linear.Model:
		payload, err = s.AppendBinary(append(payload, scorerLinear))
	case *trees.Model:
		payload, err = s.AppendBinary(append(payload, scorerTrees))
	default:
		err = fmt.Errorf("a scorer of type %T has no form", s)
	}
	if err != nil {
		return nil, fmt.Errorf("encode session model: %w", err)
	}
	return model.Encode(model.Header{Kind: model.KindSession, Features: Features(), Notes: notes}, payload)
}

// Open reads a model file. The errors are those of [model.Open]; a file whose features are not those of this program is
// [model.ErrKind].
func Open(file []byte) (*Model, error) {
	header, payload, err := model.Split(file)
	if err != nil {
		return nil, err
	}
	if header.Kind != model.KindSession {
		return nil, fmt.Errorf("%w: it is %q, not %q", model.ErrKind, header.Kind, model.KindSession)
	}
	if !slices.Equal(header.Features, Features()) {
		return nil, fmt.Errorf("%w: it weighs other features", model.ErrKind)
	}
	m, err := decode(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: decode session model: %w", model.ErrBroken, err)
	}
	return m, nil
}

var errShort = errors.New("is cut short")

func decode(b []byte) (*Model, error) {
	if len(b) < 5 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-5) {
		return nil, errShort
	}
	n := binary.LittleEndian.Uint32(b)
	m := &Model{}
	if err := json.Unmarshal(b[4:4+n], &m.Params); err != nil {
		return nil, err
	}
	form, rest := b[4+n], b[5+n:]
	switch form {
	case scorerNone:
		if len(rest) > 0 {
			return nil, errors.New("goes on behind its end")
		}
	case scorerLinear:
		s, err := linear.Decode(rest)
		if err != nil {
			return nil, err
		}
		m.Scorer = s
	case scorerTrees:
		s, err := trees.Decode(rest)
		if err != nil {
			return nil, err
		}
		m.Scorer = s
	default:
		return nil, fmt.Errorf("form %d of a scorer is unknown", form)
	}
	return m, m.check()
}
