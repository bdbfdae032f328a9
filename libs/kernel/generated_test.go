package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGenerated proves that the committed assembly is what the generator writes.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("the generator is built first, which takes seconds")
	}
	generator, dir := filepath.Join("..", "..", "scripts", "kernelgen"), t.TempDir()
	run := func(args ...string) ([]byte, error) {
		command := exec.Command("go", args...)
		command.Dir, command.Env = generator, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
		return command.CombinedOutput()
	}
	if out, err := run("mod", "download"); err != nil {
		t.Skipf("SKIPPED, the committed assembly is not compared with its generator, whose modules cannot be fetched: %v\n%s", err, out)
	}
	if out, err := run("run", ".", "-out", dir); err != nil {
		t.Fatalf("run the generator: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("the generator wrote %v, %v", files, err)
	}
	for _, file := range files {
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: run it (GOWORK=off go run . in scripts/kernelgen)", filepath.Base(file))
		}
	}
}
