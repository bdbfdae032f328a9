package servicetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// RequireServers is the variable that turns the skipping of a test for want of a server into a failure.
const RequireServers = "HAGGLE_REQUIRE_SERVERS"

// Redis starts a server that speaks the Redis protocol in the process, ends it with the test and returns its address.
func Redis(t testing.TB) string {
	t.Helper()
	return miniredis.RunT(t).Addr()
}

// RealRedis starts redis-server as a child process, ends it with the test and returns its address. Where there is no
// redis-server the test is skipped, or fails when HAGGLE_REQUIRE_SERVERS is 1.
func RealRedis(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv(RequireServers) == "1" {
			t.Fatalf("redis-server is not on PATH, and %s=1 requires it", RequireServers)
		}
		t.Skipf("SKIPPED: redis-server is not on PATH, so nothing was tested against a real Redis")
	}
	port := freePort(t)
	child := exec.Command(path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := child.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	Eventually(t, patience, func() error { return pingRedis(t.Context(), address) })
	return address
}

// pingRedis asks for a PONG.
func pingRedis(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	if got := string(answer[:n]); !strings.HasPrefix(got, "+PONG") {
		return fmt.Errorf("redis answered %q, want +PONG", got)
	}
	return nil
}

// freePort returns a port of the loopback interface that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
