package gateway

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Config says how the gateway is to answer.
type Config struct {
	Address     string        `flag:"address" help:"address of the HTTP API"`
	Page        bool          `flag:"page" help:"serves a page for people at /"`
	Deadline    time.Duration `flag:"deadline" help:"how long a query may take in all; recall may use 60 % of it"`
	Candidates  int           `flag:"candidates" help:"how many candidates recall offers for ranking"`
	Concurrency int           `flag:"concurrency" help:"how many queries are worked on at once before more are refused; 0 is 64 per core"`
	Connections int           `flag:"connections" help:"how many connections may be open at once"`
	Rate        int           `flag:"rate" help:"how many requests a minute one key, or one address without a key, may send to this instance; 0 is any number"`
	EventWait   time.Duration `flag:"event-wait" help:"how long events and items wait for a stream that is away before they are refused"`
	EventMemory int           `flag:"event-memory" help:"how many MiB of events may wait for the stream at once"`
	TokenLife   time.Duration `flag:"token-life" help:"how long an attribution token is good for"`
	Origins     []string      `flag:"origins" help:"origins whose pages may call the API from a browser; * is all"`
	Accounting  bool          `flag:"accounting" help:"measures the gateway's own CPU time for each query; off is for measuring what that costs"`
}

// Default returns a configuration that suits a machine that runs everything.
func Default() Config {
	return Config{
		Address: "127.0.0.1:8080", Deadline: 50 * time.Millisecond, Candidates: 100, Connections: 10_000,
		EventWait: 15 * time.Second, EventMemory: 64, TokenLife: 24 * time.Hour, Origins: []string{"*"}, Accounting: true,
	}
}

// Check returns every fault, joined, each a [*shop.FieldError].
func (c Config) Check() error {
	var faults []error
	require := func(ok bool, field, format string, args ...any) {
		if !ok {
			faults = append(faults, &shop.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
		}
	}
	_, _, err := net.SplitHostPort(c.Address)
	require(err == nil, "address", "want host:port, such as :8080")
	require(c.Deadline >= 5*time.Millisecond && c.Deadline <= 10*time.Second, "deadline", "want 5ms to 10s")
	require(c.Candidates >= 1 && c.Candidates <= 1000, "candidates", "want 1 to 1000")
	require(c.Concurrency >= 0, "concurrency", "want 0 or more")
	require(c.Connections >= 1, "connections", "want at least 1")
	require(c.Rate >= 0, "rate", "want 0 or more")
	require(c.EventWait >= 0 && c.EventWait <= time.Minute, "event-wait", "want 0s to 1m")
	require(c.EventMemory >= 4 && c.EventMemory <= 1<<16, "event-memory", "want 4 to 65536")
	require(c.TokenLife >= time.Minute && c.TokenLife <= 31*24*time.Hour, "token-life", "want 1m to 744h")
	for _, o := range c.Origins {
		require(o == "*" || strings.HasPrefix(o, "http://") || strings.HasPrefix(o, "https://"), "origins", "want * or origins such as https://shop.example")
	}
	return errors.Join(faults...)
}
