package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/haggle-commerce/haggle/libs/observe"
)

// Secrets are keys that a process was given as files. The fields are as they were when the Kit was made; [Secrets.Now] has
// them as they are. Formatting or encoding the struct shows nothing of it.
type Secrets struct {
	// HMACKey signs; it is the first line of hmac.key. Empty means that nobody gave one.
	HMACKey []byte
	// HMACKeys verify: the first signs too, the others are on their way out. Two lines make a rotation.
	HMACKeys [][]byte
	// PublishableKeys open search, recommendations and events; empty means that no key is asked for.
	PublishableKeys []string
	// SecretKeys open the catalogue, models and cost as well; empty means that no key is asked for.
	SecretKeys []string
	// RedisPassword is the first line of redis.password.
	RedisPassword string

	vault *vault
}

// Now returns the secrets as the files last had them. It costs an atomic load.
func (s Secrets) Now() Secrets {
	if s.vault == nil {
		return s
	}
	return *s.vault.now.Load()
}

// String, GoString, LogValue and the marshallers hide the secrets from whatever prints them.
func (Secrets) String() string { return observe.Redacted }

// GoString implements [fmt.GoStringer].
func (Secrets) GoString() string { return observe.Redacted }

// LogValue implements [slog.LogValuer].
func (Secrets) LogValue() slog.Value { return slog.StringValue(observe.Redacted) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses too.
func (Secrets) MarshalText() ([]byte, error) { return []byte(observe.Redacted), nil }

// Least lengths: of a key that signs, 128 bits in hexadecimal; of a key that opens, what nobody guesses.
const (
	minHMACKey = 32
	minOpenKey = 16
	// mostSecretBytes bounds a file of secrets.
	mostSecretBytes = 1 << 20
)

// vault reads a folder of secrets and follows it.
type vault struct {
	folder string
	now    atomic.Pointer[Secrets]
	// seen is what the files held when they were last read, good or bad.
	seen [][]byte
}

var secretFiles = []string{"hmac.key", "publishable.keys", "secret.keys", "redis.password"}

// openVault reads the folder; no folder gives no secrets.
func openVault(folder string) (*vault, error) {
	v := &vault{folder: folder}
	v.now.Store(&Secrets{vault: v})
	if folder == "" {
		return v, nil
	}
	_, err := v.read()
	return v, err
}

// read reads the files and reports whether they changed since they were last read. After an error the last good secrets stay.
func (v *vault) read() (changed bool, err error) {
	if _, err := os.Stat(v.folder); err != nil {
		return false, fmt.Errorf("read secrets: %w; set -secrets or HAGGLE_SECRETS to a folder", err)
	}
	var texts [][]byte
	for _, name := range secretFiles {
		text, err := os.ReadFile(filepath.Join(v.folder, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return false, fmt.Errorf("read secrets: %w", err)
		case len(text) > mostSecretBytes:
			return false, fmt.Errorf("read secrets: %s has %d bytes, at most %d", name, len(text), mostSecretBytes)
		}
		texts = append(texts, text)
	}
	if slices.EqualFunc(texts, v.seen, bytes.Equal) {
		return false, nil
	}
	v.seen = texts
	s := &Secrets{vault: v}
	var faults []error
	for i, name := range secretFiles {
		faults = append(faults, s.take(name, lines(texts[i])))
	}
	if err := errors.Join(faults...); err != nil {
		return true, err
	}
	v.now.Store(s)
	return true, nil
}

// take puts the lines of a file in their place. A fault names the file and the line, never what it holds.
func (s *Secrets) take(name string, keys []string) error {
	least, way := minOpenKey, "openssl rand -hex 16"
	if name == "hmac.key" {
		least, way = minHMACKey, "openssl rand -hex 32"
	}
	for i, key := range keys {
		if len(key) < least && name != "redis.password" {
			return fmt.Errorf("read secrets: key %d of %s has %d characters, want at least %d; make one with: %s", i+1, name, len(key), least, way)
		}
	}
	switch name {
	case "hmac.key":
		for _, key := range keys {
			s.HMACKeys = append(s.HMACKeys, []byte(key))
		}
		if len(keys) > 0 {
			s.HMACKey = s.HMACKeys[0]
		}
	case "publishable.keys":
		s.PublishableKeys = keys
	case "secret.keys":
		s.SecretKeys = keys
	case "redis.password":
		if len(keys) > 0 {
			s.RedisPassword = keys[0]
		}
	}
	return nil
}

// lines returns the lines of text that are not empty and not comments.
func lines(text []byte) []string {
	var kept []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			kept = append(kept, line)
		}
	}
	return kept
}

// readSecretsEvery is how soon a changed file is noticed. Four small reads in two seconds cost nothing, and see what a
// watch of the file system does not: Kubernetes swaps a link two folders up.
const readSecretsEvery = 2 * time.Second

// follow reads the folder again and again until ctx ends.
func (v *vault) follow(ctx context.Context, log *slog.Logger) {
	if v.folder == "" {
		return
	}
	ticker := time.NewTicker(readSecretsEvery)
	defer ticker.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := v.read()
		switch {
		case err != nil && (changed || err.Error() != last):
			last = err.Error()
			log.Error("secrets not taken over, the last good ones stay", "error", err)
		case err == nil && changed:
			last = ""
			log.Info("secrets taken over")
		}
	}
}

// warn says loudly what stands open.
func (s *Secrets) warn(log *slog.Logger) {
	const next = "put keys into the files of the folder that -secrets or HAGGLE_SECRETS names"
	if len(s.HMACKey) == 0 {
		log.Warn("NO SIGNING KEY: tokens do not outlive this process", "file", "hmac.key", "next", next)
	}
	if len(s.PublishableKeys) == 0 {
		log.Warn("OPEN TO EVERYBODY: search, recommendations and events ask for no key", "file", "publishable.keys", "next", next)
	}
	if len(s.SecretKeys) == 0 {
		log.Warn("OPEN TO EVERYBODY: catalogue, models and cost ask for no key", "file", "secret.keys", "next", next)
	}
}
