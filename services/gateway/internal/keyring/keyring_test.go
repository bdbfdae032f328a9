package keyring

import "testing"

func TestScope(t *testing.T) {
	ring := New([]string{"pk-1", "pk-2", "both", ""}, []string{"sk-1", "both"})
	tests := map[string]Scope{"pk-1": Public, "pk-2": Public, "sk-1": Secret, "both": Secret, "": Nothing, "pk-": Nothing, "pk-11": Nothing, "SK-1": Nothing}
	for key, want := range tests {
		if got := ring.Scope(key); got != want {
			t.Errorf("Scope(%q) = %v, want %v", key, got, want)
		}
	}
	if ring.Open() {
		t.Error("a ring with keys is open")
	}
}

func TestWithoutKeysTheRingIsOpen(t *testing.T) {
	for name, ring := range map[string]*Ring{"zero": {}, "none": New(nil, nil), "empty": New([]string{""}, []string{""})} {
		if !ring.Open() || ring.Scope("") != Secret || ring.Scope("anything") != Secret {
			t.Errorf("%s: want an open ring", name)
		}
	}
	if New([]string{"pk"}, nil).Scope("") != Nothing {
		t.Error("a ring with a publishable key alone lets strangers in")
	}
	secret := New(nil, []string{"sk"})
	if secret.Scope("") != Public || secret.Scope("wrong") != Nothing || secret.Scope("sk") != Secret {
		t.Error("with a secret key alone, a search needs no key, a wrong key opens nothing, and the key opens all")
	}
}

func BenchmarkScope(b *testing.B) {
	ring := New([]string{"pk-1", "pk-2"}, []string{"sk-1"})
	for b.Loop() {
		ring.Scope("pk-2-0123456789abcdef0123456789abcdef")
	}
}
