// Package privacy keeps the shop's identifiers and what shoppers type by mistake out of everything behind the gateway.
package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"regexp"
	"strings"
	"sync"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Pseudonyms turns the shop's identifiers into pseudonyms: a keyed hash, so that nobody without the key can tell whose rows
// are whose, not even by trying every identifier. Its methods may be called at once.
type Pseudonyms struct {
	macs sync.Pool
}

// NewPseudonyms returns pseudonyms under a key that is derived from key.
func NewPseudonyms(key []byte) *Pseudonyms {
	derive := hmac.New(sha256.New, key)
	derive.Write([]byte("haggle pseudonym"))
	derived := derive.Sum(nil)
	return &Pseudonyms{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, derived) }}}
}

// Shopper returns the pseudonym of the account user, or else of the device visitor; "" when both are "".
func (p *Pseudonyms) Shopper(user, visitor string) shop.ShopperID {
	switch {
	case user != "":
		return shop.ShopperID(p.name("u", user))
	case visitor != "":
		return shop.ShopperID(p.name("v", visitor))
	}
	return ""
}

// Session returns the pseudonym of a session; "" stays "".
func (p *Pseudonyms) Session(session string) shop.SessionID {
	if session == "" {
		return ""
	}
	return shop.SessionID(p.name("s", session))
}

// name returns kind and 96 bits of the hash of id: 17 characters. Among 100 million shoppers two share a name with a
// probability of about 6e-14.
func (p *Pseudonyms) name(kind, id string) string {
	mac := p.macs.Get().(hash.Hash)
	defer p.macs.Put(mac)
	var work [sha256.Size + shop.MaxIDBytes + 8]byte
	mac.Reset()
	mac.Write(append(append(append(work[:0], kind...), 0), id...))
	sum := mac.Sum(work[:0])
	var text [17]byte
	text[0] = kind[0]
	base64.RawURLEncoding.Encode(text[1:], sum[:12])
	return string(text[:])
}

var (
	email = regexp.MustCompile(`[\pL\pN._%+\-]+@[\pL\pN.\-]+\.\pL{2,}`)
	// phone wants a plus or a separator, or else an article number would be taken for one.
	phone  = regexp.MustCompile(`\+\d[\d ()\-./]{6,18}\d|\(?\b\d{2,5}\)?[ \-/]\d{2,5}[ \-]\d{2,5}(?:[ \-]\d{1,5})*\b`)
	digits = regexp.MustCompile(`\b\d(?:[ \-]?\d){13,18}\b`)
)

// Scrub replaces e-mail addresses, telephone numbers and card numbers in what a shopper typed.
func Scrub(text string) string {
	if !suspicious(text) {
		return text
	}
	text = email.ReplaceAllString(text, "[email]")
	text = digits.ReplaceAllStringFunc(text, func(number string) string {
		if luhn(number) {
			return "[card]"
		}
		return number
	})
	return phone.ReplaceAllString(text, "[phone]")
}

// suspicious reports whether text may hold anything to replace: an at sign or seven digits.
func suspicious(text string) bool {
	if strings.IndexByte(text, '@') >= 0 {
		return true
	}
	n := 0
	for i := range len(text) {
		if text[i] >= '0' && text[i] <= '9' {
			n++
		}
	}
	return n >= 7
}

// luhn reports whether the digits of number have the check digit of a payment card. Of numbers with 14 digits only those
// that begin with 3 are cards; the others are article numbers (GTIN-14).
func luhn(number string) bool {
	sum, count, double := 0, 0, false
	for i := len(number) - 1; i >= 0; i-- {
		if number[i] < '0' || number[i] > '9' {
			continue
		}
		d := int(number[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, count, double = sum+d, count+1, !double
	}
	return sum%10 == 0 && (count > 14 || number[0] == '3')
}
