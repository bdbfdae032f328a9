// Package encoder turns texts of queries and items into vectors that lie near each other when the texts mean the same.
//
// It has two towers, one for queries and one for items, that share a table of embeddings: words and their character n-grams are
// hashed to rows of it, a word is the sum of its own row and, as much again, of its n-grams' rows, and a text is the sum of its words,
// each weighed by how rare it is and by where it stands, brought to length 1. The trainer learns the rows.
package encoder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/kernel"
	"github.com/haggle-commerce/haggle/libs/model"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Limits on a model.
const (
	MaxDims    = 1024
	MaxBuckets = 1 << 22
)

// Weights of the parts of an item, measured by nothing but sense: a title says what a thing is, a description what it is like.
const (
	titleWeight       = 1
	factsWeight       = 0.5
	descriptionWeight = 0.3
)

// Text is what an item says of itself.
type Text struct {
	// Title has all languages, Facts the brand, categories and values of attributes.
	Title, Facts, Description string
}

// TextOf returns the text of an item. It is the same for equal items.
func TextOf(it *shop.Item) Text {
	titles := []string{it.Title}
	for _, language := range slices.Sorted(maps.Keys(it.Titles)) {
		titles = append(titles, it.Titles[language])
	}
	facts := append([]string{it.Brand}, it.Categories...)
	for _, key := range slices.Sorted(maps.Keys(it.Attributes)) {
		facts = append(facts, it.Attributes[key]...)
	}
	// Copies: what the item holds may be part of a whole message.
	return Text{Title: strings.Clone(join(titles...)), Facts: strings.Clone(join(facts...)), Description: firstWords(it.Description)}
}

// firstWords cuts a description behind what the encoder reads of it at most.
func firstWords(text string) string {
	const most = maxWords * 12
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strings.Clone(text)
}

// AddItem adds the words of an item to w.
func (w *Words) AddItem(t Text, buckets uint32) {
	w.Add(t.Title, titleWeight, buckets)
	w.Add(t.Facts, factsWeight, buckets)
	w.Add(t.Description, descriptionWeight, buckets)
}

// Model is a trained encoder. Make one with [New] or [Open]; then it never changes and may be used by many goroutines at once.
type Model struct {
	dims int
	// codes are the rows of the table, row-major, with a scale each; rarity is the weight of a word by its row.
	codes  []int8
	scales []float32
	rarity []float32
	// table is codes times scales: adding up numbers that need no conversion is about four times as fast (58 us down to 15 a text).
	table []float32
}

// New makes a model of a table, rows x dims, row-major, and the rarity of each row.
func New(table, rarity []float32, dims int) (*Model, error) {
	if dims < 1 || dims > MaxDims || len(rarity) < 1 || len(rarity) > MaxBuckets || len(table) != dims*len(rarity) {
		return nil, fmt.Errorf("make encoder: %d numbers and %d rarities do not fit %d dims", len(table), len(rarity), dims)
	}
	m := &Model{dims: dims, codes: make([]int8, len(table)), scales: make([]float32, len(rarity)), rarity: slices.Clone(rarity)}
	for i := range rarity {
		row := table[i*dims : (i+1)*dims]
		for _, v := range row {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("make encoder: row %d holds %v", i, v)
			}
		}
		m.scales[i] = kernel.Quantize(m.codes[i*dims:(i+1)*dims], row)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.widen()
	return m, nil
}

func (m *Model) widen() {
	m.table = make([]float32, len(m.codes))
	for i, scale := range m.scales {
		for j := i * m.dims; j < (i+1)*m.dims; j++ {
			m.table[j] = float32(m.codes[j]) * scale
		}
	}
}

func (m *Model) check() error {
	for i, r := range m.rarity {
		if !(r >= 0 && r <= 100) || !(m.scales[i] >= 0 && m.scales[i] < 1e6) {
			return fmt.Errorf("make encoder: row %d has rarity %v and scale %v", i, r, m.scales[i])
		}
	}
	return nil
}

// Dims is the length of the vectors.
func (m *Model) Dims() int { return m.dims }

// Buckets is the number of rows of the table.
func (m *Model) Buckets() uint32 { return uint32(len(m.rarity)) }

// Query writes the vector of a query to dst, of length [Model.Dims], and reports whether it has one. W is room for its words.
func (m *Model) Query(dst []float32, w *Words, query string) bool {
	w.Reset()
	w.Add(query, 1, m.Buckets())
	return m.pool(dst, w)
}

// Item writes the vector of an item; see [Model.Query].
func (m *Model) Item(dst []float32, w *Words, t Text) bool {
	w.Reset()
	w.AddItem(t, m.Buckets())
	return m.pool(dst, w)
}

// pool adds up the rows of all words. Machines of different kinds differ in the last bits.
func (m *Model) pool(dst []float32, w *Words) bool {
	clear(dst)
	for i := range w.List {
		word := &w.List[i]
		weight := word.Weight * m.rarity[word.Row]
		m.add(dst, word.Row, weight)
		if grams := w.Grams[word.From:word.To]; len(grams) > 0 {
			each := weight * GramShare(len(grams))
			for _, row := range grams {
				m.add(dst, row, each)
			}
		}
	}
	sum := 0.0
	for _, v := range dst {
		sum += float64(float64(v) * float64(v))
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return false
	}
	factor := float32(1 / math.Sqrt(sum))
	for i := range dst {
		dst[i] *= factor
	}
	return true
}

// GramShare is what each of n n-grams of a word counts. Rows that have nothing to do with one another add up to the length of the
// square root of their number, so the n-grams count as much as the word itself.
func GramShare(n int) float32 { return float32(1 / math.Sqrt(float64(n))) }

func (m *Model) add(dst []float32, row uint32, weight float32) {
	kernel.Axpy(dst, weight, m.table[int(row)*m.dims:int(row)*m.dims+m.dims])
}

// Encode writes the model file; notes are for people.
func (m *Model) Encode(notes map[string]string) ([]byte, error) {
	payload, err := m.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return model.Encode(model.Header{Kind: model.KindEncoder, Notes: notes}, payload)
}

// payloadVersion changes with the meaning of the table: how texts are taken apart and hashed. History: 1 = the first.
const payloadVersion = 1

// AppendBinary implements [encoding.BinaryAppender]: uint32 version, dims and rows; a float32 rarity and scale for each row; the
// rows as int8. All little-endian.
func (m *Model) AppendBinary(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	for _, v := range []int{payloadVersion, m.dims, len(m.rarity)} {
		b = le.AppendUint32(b, uint32(v))
	}
	for _, list := range [][]float32{m.rarity, m.scales} {
		for _, v := range list {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
	}
	for _, c := range m.codes {
		b = append(b, byte(c))
	}
	return b, nil
}

// Open reads a model file. The errors are those of [model.Open].
func Open(file []byte) (*Model, error) {
	header, payload, err := model.Split(file)
	if err != nil {
		return nil, err
	}
	if header.Kind != model.KindEncoder {
		return nil, fmt.Errorf("%w: it is %q, not %q", model.ErrKind, header.Kind, model.KindEncoder)
	}
	m, err := Decode(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", model.ErrBroken, err)
	}
	return m, nil
}

var errLength = errors.New("has another length than it says")

// Decode reads what AppendBinary wrote. It needs five times the memory of b.
func Decode(b []byte) (*Model, error) {
	const head = 12
	le := binary.LittleEndian
	if len(b) < head {
		return nil, fmt.Errorf("decode encoder: %w", errLength)
	}
	version, dims, rows := le.Uint32(b), int(le.Uint32(b[4:])), int(le.Uint32(b[8:]))
	if version != payloadVersion {
		return nil, fmt.Errorf("decode encoder: version %d, known is %d", version, payloadVersion)
	}
	if dims < 1 || dims > MaxDims || rows < 1 || rows > MaxBuckets || len(b) != head+rows*(8+dims) {
		return nil, fmt.Errorf("decode encoder: %w: %d rows of %d in %d bytes", errLength, rows, dims, len(b))
	}
	b = b[head:]
	m := &Model{dims: dims, codes: make([]int8, rows*dims), scales: make([]float32, rows), rarity: make([]float32, rows)}
	for i := range rows {
		m.rarity[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		m.scales[i] = math.Float32frombits(le.Uint32(b[4*(rows+i):]))
	}
	for i, c := range b[8*rows:] {
		m.codes[i] = int8(c)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.widen()
	return m, nil
}
