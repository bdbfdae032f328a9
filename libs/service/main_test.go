package service_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// config is a configuration of a service that does not exist.
type config struct {
	Answer string `flag:"answer" help:"what it says"`
}

// Check finds fault with silence.
func (c config) Check() error {
	if c.Answer == "" {
		return errors.New("answer: is empty")
	}
	return nil
}

// TestMain runs the service "echo" instead of the tests when it is asked to, so that tests have a real process to end.
func TestMain(m *testing.M) {
	if os.Getenv("HAGGLE_TEST_CHILD") != "" {
		service.Main("echo", config{Answer: "echo"}, echo)
	}
	os.Exit(m.Run())
}

// echo answers each call after a while, as a slow service would.
func echo(ctx context.Context, kit service.Kit, c config) error {
	kit.Health.Ready("voice")
	fmt.Println("calling out from", kit.Instance)
	return kit.Bus.Serve(ctx, wire.SubjectRecall, bus.Limits{}, func(_ context.Context, request []byte) ([]byte, error) {
		fmt.Println("got", string(request))
		<-time.After(300 * time.Millisecond)
		return []byte(c.Answer), nil
	})
}

func TestExitCodes(t *testing.T) {
	server := servicetest.NATS(t)
	base := []string{"-nats", server.ClientURL(), "-admin", "off", "-redis", servicetest.Redis(t)}
	fine := func(context.Context, service.Kit, config) error { return nil }
	for _, c := range []struct {
		name   string
		args   []string
		run    func(context.Context, service.Kit, config) error
		code   int
		stdout string
		stderr []string
	}{
		{"a clean end", base, fine, 0, "", []string{"starting", "drained", "msg=ended"}},
		{"a fault", base, func(context.Context, service.Kit, config) error { return io.ErrUnexpectedEOF }, 1, "", []string{"unexpected EOF"}},
		{"help", []string{"-help"}, fine, 0, "Usage: echo [flags]", nil},
		{"two wrong settings", []string{"-answer=", "-cores=many"}, fine, 2, "", []string{"cores: \"many\""}},
		{"a failed check", []string{"-answer=", "-cores=-1"}, fine, 2, "", []string{"  answer: is empty\n", "  cores: \"-1\""}},
		{"no such folder", append(base, "-secrets=/no/such"), fine, 2, "", []string{"echo cannot start:\n", "HAGGLE_SECRETS"}},
	} {
		var stdout, stderr bytes.Buffer
		code := service.Execute(t.Context(), "echo", config{Answer: "x"}, c.run, c.args, func(string) string { return "" }, &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) || c.stdout == "" && stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, want %d; stdout %q, stderr %q", c.name, code, c.code, stdout.String(), stderr.String())
		}
		for _, part := range c.stderr {
			if !strings.Contains(stderr.String(), part) {
				t.Errorf("%s: stderr %q, want %q in it", c.name, stderr.String(), part)
			}
		}
	}
}

// TestSIGTERM ends a real process while it answers a call: the call is answered, the process leaves in time with code 0.
func TestSIGTERM(t *testing.T) {
	server := servicetest.NATS(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "HAGGLE_TEST_CHILD=1", "HAGGLE_NATS="+server.ClientURL(), "HAGGLE_ADMIN=off", "HAGGLE_ECHO_ANSWER=from the environment", "HAGGLE_MEMORY=256MiB")
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the child said nothing")
	}
	caller := servicetest.Bus(t, server, "caller")
	type result struct {
		answer []byte
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var r result
		for r.answer, r.err = caller.Call(ctx, wire.SubjectRecall, []byte("question")); errors.Is(r.err, bus.ErrNoServer) && ctx.Err() == nil; {
			r.answer, r.err = caller.Call(ctx, wire.SubjectRecall, []byte("question"))
		}
		answered <- r
	}()
	for lines.Text() != "got question" && lines.Scan() {
	}
	began := time.Now()
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; r.err != nil || string(r.answer) != "from the environment" {
		t.Errorf("Call = %q, %v, want the answer", r.answer, r.err)
	}
	io.Copy(io.Discard, stdout)
	if err := child.Wait(); err != nil {
		t.Errorf("the child ended with %v, want code 0", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the child took %v to end, want at most 5 s", took)
	}
}
