package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/keyring"
	"github.com/haggle-commerce/haggle/services/gateway/internal/privacy"
	"github.com/haggle-commerce/haggle/services/gateway/internal/token"
)

// pageLife is how long a shopper may take to turn a page.
const pageLife = time.Hour

// keysEvery is how often changed secrets are taken over.
const keysEvery = time.Second

// trialKey makes the pseudonyms of a shop without a key of its own, so that a restart keeps its shoppers apart from one
// another and known. It protects nobody; the start of the process says so loudly.
const trialKey = "haggle without a key: anybody can make these pseudonyms"

// keys are what follows from the secrets. They are replaced as a whole when the secrets change.
type keys struct {
	secrets     service.Secrets
	ring        *keyring.Ring
	attribution *token.Signer
	pages       *token.Signer
	pseudonyms  *privacy.Pseudonyms
}

// newKeys derives all keys. Fallback signs when there is no key.
func newKeys(s service.Secrets, fallback []byte, tokenLife time.Duration) *keys {
	signing := s.HMACKeys
	if len(signing) == 0 && len(s.HMACKey) > 0 {
		signing = [][]byte{s.HMACKey}
	}
	pseudonym := []byte(trialKey)
	if n := len(signing); n > 0 {
		// The oldest key: a new one before it changes no pseudonym.
		pseudonym = signing[n-1]
	} else {
		signing = [][]byte{fallback}
	}
	return &keys{
		secrets: s, ring: keyring.New(s.PublishableKeys, s.SecretKeys), attribution: token.NewSigner(signing, "attribution", tokenLife),
		pages: token.NewSigner(signing, "page", pageLife), pseudonyms: privacy.NewPseudonyms(pseudonym),
	}
}

// Pseudonyms returns the function by which the gateway turns a shop's account and visitor identifiers into shoppers, for
// programs that write events past the gateway: those of a shopper must bear the name that queries will come under.
func Pseudonyms(s service.Secrets) func(user, visitor string) shop.ShopperID {
	return newKeys(s, []byte(trialKey), time.Hour).pseudonyms.Shopper
}

// followSecrets takes over changed secrets until ctx ends.
func (g *gateway) followSecrets(ctx context.Context) error {
	random := make([]byte, 32)
	rand.Read(random)
	return service.Every(ctx, keysEvery, func() {
		if now := g.kit.Secrets.Now(); changed(&now, &g.keys.Load().secrets) {
			g.keys.Store(newKeys(now, random, g.config.TokenLife))
			g.kit.Log.Info("keys taken over", "signing", len(now.HMACKeys), "publishable", len(now.PublishableKeys), "secret", len(now.SecretKeys))
		}
	})
}

func changed(a, b *service.Secrets) bool {
	return !slices.EqualFunc(a.HMACKeys, b.HMACKeys, bytes.Equal) || !bytes.Equal(a.HMACKey, b.HMACKey) ||
		!slices.Equal(a.PublishableKeys, b.PublishableKeys) || !slices.Equal(a.SecretKeys, b.SecretKeys)
}

// presented returns the key that came with a request. A beacon cannot set headers, so that its key may stand in the address.
func presented(r *http.Request) string {
	if h := r.Header["X-Api-Key"]; len(h) > 0 {
		return h[0]
	}
	if h := r.Header["Authorization"]; len(h) > 0 {
		if scheme, key, ok := strings.Cut(h[0], " "); ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(key)
		}
		return h[0]
	}
	if r.URL.Path == beaconPath {
		return r.URL.Query().Get("key")
	}
	return ""
}
