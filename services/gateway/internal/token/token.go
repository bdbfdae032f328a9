// Package token makes and checks what the gateway hands out signed: attribution tokens, page tokens and request ids.
//
// A token is base64url of a version byte, its content and the first 16 bytes of an HMAC-SHA-256 over both. Nobody but the
// gateways of one shop can make one, and a changed byte anywhere is noticed. The content is not secret.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"strings"
	"sync"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// The reasons for refusing a token.
var (
	// ErrForged says that the token was not made with our key, or was changed since.
	ErrForged = errors.New("is not a token of this shop, or was altered")
	// ErrExpired says that the token is genuine but too old.
	ErrExpired = errors.New("has expired")
)

const (
	version    = 1
	macBytes   = 16
	maxEncoded = 8192
	// skew is how far in the future another gateway's clock may be.
	skew = time.Minute
)

// Signer signs and verifies tokens of one use. Its methods may be called at once.
type Signer struct {
	life time.Duration
	work sync.Pool
}

// NewSigner returns a signer whose keys are derived from keys and use, so that a token of one use is none of another. The
// first key signs, all of them verify, so that keys can be changed without a token lost. Tokens are good for life.
func NewSigner(keys [][]byte, use string, life time.Duration) *Signer {
	if len(keys) == 0 {
		panic("BUG: a signer without a key")
	}
	var derived [][]byte
	for _, key := range keys {
		derive := hmac.New(sha256.New, key)
		derive.Write([]byte("haggle token " + use))
		derived = append(derived, derive.Sum(nil))
	}
	return &Signer{life: life, work: sync.Pool{New: func() any {
		w := &signing{}
		for _, key := range derived {
			w.macs = append(w.macs, hmac.New(sha256.New, key))
		}
		return w
	}}}
}

// signing is the memory that one signature needs. Invariant: len(macs) > 0.
type signing struct {
	macs []hash.Hash
	sum  [sha256.Size]byte
	buf  []byte
}

// seal appends the MAC to s.buf and returns all of it as text.
func (s *signing) seal() string {
	s.buf = append(s.buf, s.mac(0, s.buf)...)
	return base64.RawURLEncoding.EncodeToString(s.buf)
}

// mac returns the MAC of content by key i, good until the next call.
func (s *signing) mac(i int, content []byte) []byte {
	s.macs[i].Reset()
	s.macs[i].Write(content)
	return s.macs[i].Sum(s.sum[:0])[:macBytes]
}

// open decodes text and returns the signed content after the version byte.
func (s *signing) open(text string) ([]byte, error) {
	// The decoder would skip line ends, and two texts would be one token.
	if len(text) > maxEncoded || strings.ContainsAny(text, "\r\n") {
		return nil, ErrForged
	}
	s.buf = append(s.buf[:0], text...)
	n, err := base64.RawURLEncoding.Strict().Decode(s.buf, s.buf)
	if err != nil || n < 1+macBytes {
		return nil, ErrForged
	}
	content, sum := s.buf[:n-macBytes], s.buf[n-macBytes:n]
	for i := range s.macs {
		if hmac.Equal(s.mac(i, content), sum) && content[0] == version {
			return content[1:], nil
		}
	}
	return nil, ErrForged
}

// age returns an error unless a token made at made is good at now.
func (s *Signer) age(made, now time.Time) error {
	switch {
	case now.Sub(made) > s.life:
		return ErrExpired
	case made.Sub(now) > skew:
		return ErrForged
	}
	return nil
}

// Attribution says which query showed which items to whom.
type Attribution struct {
	Request   ID
	Made      time.Time
	Placement shop.Placement
	// Model is the id of the model that ordered the items; "" for recall's order.
	Model string
	// Shopper is the digest of the pseudonym of the one who asked; 0 when nobody was named.
	Shopper uint32
	// Items are the digests of the items, in the order in which they were shown.
	Items []uint32
}

// Place returns the position, from 0, at which item was shown; -1 when it was not.
func (a *Attribution) Place(item shop.ItemID) int {
	digest := Digest(string(item))
	for i, d := range a.Items {
		if d == digest {
			return i
		}
	}
	return -1
}

// Sign returns a as a token.
func (s *Signer) Sign(a *Attribution) string {
	w := s.work.Get().(*signing)
	defer s.work.Put(w)
	w.buf = append(append(w.buf[:0], version), a.Request[:]...)
	w.buf = binary.BigEndian.AppendUint64(w.buf, uint64(a.Made.UnixMicro()))
	w.buf = binary.BigEndian.AppendUint32(w.buf, a.Shopper)
	w.buf = appendText(w.buf, string(a.Placement))
	w.buf = appendText(w.buf, a.Model)
	w.buf = appendDigests(w.buf, a.Items)
	return w.seal()
}

// Verify returns what a token says, or [ErrForged] or [ErrExpired].
func (s *Signer) Verify(text string, now time.Time) (Attribution, error) {
	w := s.work.Get().(*signing)
	defer s.work.Put(w)
	content, err := w.open(text)
	if err != nil {
		return Attribution{}, err
	}
	c := cursor{b: content}
	a := Attribution{}
	copy(a.Request[:], c.take(len(a.Request)))
	a.Made = time.UnixMicro(int64(c.uint64())).UTC()
	a.Shopper = c.uint32()
	a.Placement = shop.Placement(c.text())
	a.Model = c.text()
	a.Items = c.digests()
	if c.short || len(c.b) > 0 {
		return Attribution{}, ErrForged
	}
	return a, s.age(a.Made, now)
}

// Page says where an answer ended, so that the next one goes on from there.
type Page struct {
	// Query is a digest of the request: a token goes on with the query that it came from, and no other.
	Query uint64
	// Now is the moment of the first page: every page is decayed to it, so that time alone moves no item.
	Now time.Time
	// Offset is how many results were shown, and Shown are the digests of their items.
	Offset int
	Shown  []uint32
	// Model is the model that ordered the page before.
	Model string
}

// SignPage returns p as a token.
func (s *Signer) SignPage(p *Page) string {
	w := s.work.Get().(*signing)
	defer s.work.Put(w)
	w.buf = binary.BigEndian.AppendUint64(append(w.buf[:0], version), p.Query)
	w.buf = binary.BigEndian.AppendUint64(w.buf, uint64(p.Now.UnixMicro()))
	w.buf = binary.AppendUvarint(w.buf, uint64(p.Offset))
	w.buf = appendText(w.buf, p.Model)
	w.buf = appendDigests(w.buf, p.Shown)
	return w.seal()
}

// VerifyPage returns what a page token says, or [ErrForged] or [ErrExpired].
func (s *Signer) VerifyPage(text string, now time.Time) (Page, error) {
	w := s.work.Get().(*signing)
	defer s.work.Put(w)
	content, err := w.open(text)
	if err != nil {
		return Page{}, err
	}
	c := cursor{b: content}
	p := Page{Query: c.uint64(), Now: time.UnixMicro(int64(c.uint64())).UTC(), Offset: int(c.uvarint())}
	p.Model = c.text()
	p.Shown = c.digests()
	if c.short || len(c.b) > 0 {
		return Page{}, ErrForged
	}
	return p, s.age(p.Now, now)
}

// Digest shortens an item's or a shopper's id to 32 bits (FNV-1a, folded). It recognises an id, it does not hide it.
func Digest(id string) uint32 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return uint32(h>>32) ^ uint32(h)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendDigests(b []byte, digests []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(digests)))
	for _, d := range digests {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	return b
}

// cursor reads the content of a token. It is signed, so that a short one can only come from another version of ours.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short, n = true, len(c.b)
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); len(b) == 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 || v > maxEncoded {
		c.short, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) text() string { return string(c.take(int(c.uvarint()))) }

func (c *cursor) digests() []uint32 {
	n := int(c.uvarint())
	b := c.take(4 * n)
	if c.short || n == 0 {
		return nil
	}
	digests := make([]uint32, n)
	for i := range digests {
		digests[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return digests
}
