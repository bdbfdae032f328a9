package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const canary = "canary-that-nobody-may-see-0123456789"

// folderOf writes files into a folder of secrets.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		write(t, folder, name, text)
	}
	return folder
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAreRead(t *testing.T) {
	v, err := openVault(folderOf(t, map[string]string{
		"hmac.key":         "# rotated in November\n" + canary + "-new\n\n" + canary + "-old\n",
		"publishable.keys": "pk-0123456789abcdef \r\npk-fedcba9876543210",
		"redis.password":   "short\n",
		"unrelated":        "x",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := Secrets{
		HMACKey: []byte(canary + "-new"), HMACKeys: [][]byte{[]byte(canary + "-new"), []byte(canary + "-old")},
		PublishableKeys: []string{"pk-0123456789abcdef", "pk-fedcba9876543210"}, RedisPassword: "short",
	}
	if diff := cmp.Diff(want, v.now.Load().Now(), cmpopts.IgnoreUnexported(Secrets{})); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	none, err := openVault("")
	if err != nil || none.now.Load().HMACKey != nil {
		t.Errorf("openVault of no folder = %v, %v, want no secrets", none, err)
	}
	if zero := (Secrets{}); zero.Now().HMACKey != nil {
		t.Error("Now of the zero value has a key")
	}
}

func TestBadSecretsAreNamedAndNotShown(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"key 2 of hmac.key has 7 characters, want at least 32; make one with: openssl rand -hex 32": {"hmac.key": canary + "\ncanary7"},
		"key 1 of secret.keys has 6 characters, want at least 16":                                   {"secret.keys": "canary"},
		"redis.password has 1048577 bytes, at most 1048576":                                         {"redis.password": strings.Repeat("c", 1<<20+1)},
	} {
		_, err := openVault(folderOf(t, files))
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
			t.Errorf("openVault = %v, want %q", err, name)
		}
	}
	if _, err := openVault(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "HAGGLE_SECRETS") {
		t.Errorf("openVault of no folder = %v, want an error that names the setting", err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "hmac.key"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openVault(folder); err == nil {
		t.Error("openVault took a folder for a file")
	}
}

func TestSecretsAreFollowed(t *testing.T) {
	folder := folderOf(t, map[string]string{"hmac.key": canary + "-1"})
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		v, err := openVault(folder)
		if err != nil {
			t.Fatal(err)
		}
		kept := *v.now.Load()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go v.follow(ctx, slog.New(slog.NewTextHandler(&out, nil)))
		key := func() string {
			t.Helper()
			time.Sleep(readSecretsEvery + time.Millisecond) // of the bubble
			synctest.Wait()
			return string(kept.Now().HMACKey)
		}
		for _, step := range []struct{ text, want string }{
			{canary + "-1", canary + "-1"},
			{canary + "-2", canary + "-2"},
			{"canary-short", canary + "-2"}, // the last good one stays
			{"canary-short", canary + "-2"},
			{canary + "-3", canary + "-3"},
			{"", ""},
		} {
			write(t, folder, "hmac.key", step.text)
			if got := key(); got != step.want {
				t.Errorf("after writing %q the key is %q, want %q", step.text, got, step.want)
			}
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		key()
		key()
		if string(kept.HMACKey) != canary+"-1" {
			t.Errorf("the kit's copy changed to %q", kept.HMACKey)
		}
	})
	log := out.String()
	if n := strings.Count(log, "level=ERROR"); n != 2 {
		t.Errorf("%d errors in the log, want one for the short key and one for the folder that went:\n%s", n, log)
	}
	if n := strings.Count(log, "secrets taken over"); n != 3 {
		t.Errorf("%d changes in the log, want 3:\n%s", n, log)
	}
	if strings.Contains(log, "canary") {
		t.Errorf("a secret in the log:\n%s", log)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := Secrets{HMACKey: []byte(canary), HMACKeys: [][]byte{[]byte(canary)}, PublishableKeys: []string{canary}, SecretKeys: []string{canary}, RedisPassword: canary}
	encoded, err := json.Marshal(map[string]any{"kit": s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("kit", "secrets", s, "pointer", &s)
	bytesOf := fmt.Sprintf("%d", []byte(canary))
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %v", s, s, s, s, s, &s), fmt.Sprintf("%v", struct{ Secrets Secrets }{s}),
		fmt.Sprintf("%+v", Kit{Service: "s", Secrets: s}), string(encoded), log.String(),
	} {
		if strings.Contains(text, "canary") || strings.Contains(text, strings.Trim(bytesOf, "[]")) {
			t.Errorf("printed a secret: %s", text)
		}
	}
}
