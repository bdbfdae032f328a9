// Package keyring knows which key opens what.
package keyring

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Scope is what a caller may do.
type Scope uint8

// The scopes, each with all that the one before may do.
const (
	// Nothing is the scope of a key that is not ours.
	Nothing Scope = iota
	// Public may search, ask for recommendations and send events: it is in every browser.
	Public
	// Secret may also change the catalogue, import history and see what queries cost.
	Secret
)

// String returns the scope as it stands in an answer.
func (s Scope) String() string { return [...]string{"nothing", "publishable", "secret"}[s] }

// Ring holds the hashes of the keys. The zero value is open: every caller has the scope Secret.
type Ring struct {
	keys []entry
	// keyless is the scope of a caller without a key, when there are keys.
	keyless Scope
}

type entry struct {
	sum   [sha256.Size]byte
	scope Scope
}

// New returns a ring with the given keys; without any it is open. With secret keys alone nobody needs a key for what is
// public; with publishable keys alone nobody gets the scope Secret. Empty strings are no keys.
func New(publishable, secret []string) *Ring {
	r := &Ring{keyless: Public}
	for scope, keys := range map[Scope][]string{Public: publishable, Secret: secret} {
		for _, key := range keys {
			if key != "" {
				r.keys = append(r.keys, entry{sum: sha256.Sum256([]byte(key)), scope: scope})
				if scope == Public {
					r.keyless = Nothing
				}
			}
		}
	}
	return r
}

// Open reports whether no key is needed.
func (r *Ring) Open() bool { return len(r.keys) == 0 }

// Scope returns what the bearer of key may do. It takes equally long whichever key it is, and whether it is one.
func (r *Ring) Scope(key string) Scope {
	switch {
	case r.Open():
		return Secret
	case key == "":
		return r.keyless
	}
	sum := sha256.Sum256([]byte(key))
	found := Nothing
	for i := range r.keys {
		same := subtle.ConstantTimeCompare(sum[:], r.keys[i].sum[:])
		found = Scope(subtle.ConstantTimeSelect(same, max(int(found), int(r.keys[i].scope)), int(found)))
	}
	return found
}
