package online

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Timeouts of the client, which its defaults of seconds would otherwise be; measured with a blackhole: a call with a budget
// of 30 ms took 5.0 s by default and 34 to 38 ms so.
const (
	dialTimeout   = 100 * time.Millisecond
	socketTimeout = 50 * time.Millisecond
	poolTimeout   = 20 * time.Millisecond
	// mostConnections bounds the pool. A read holds a connection for well under a millisecond, so 64 carry 64,000 reads/s.
	mostConnections = 64
	// probeEvery is the time between two tries of a Redis that was given up; below the 5 s in which it must be found again.
	probeEvery = 250 * time.Millisecond
)

// ParseAddress reads host:port or a redis:// or rediss:// URL into client options that hold nothing but the target.
func ParseAddress(address string) (*redis.Options, error) {
	if strings.Contains(address, "://") {
		o, err := redis.ParseURL(address)
		if err != nil {
			// The cause may quote the URL, and with it a password.
			return nil, fmt.Errorf("read redis address: not a URL such as redis://host:6379/0")
		}
		return o, nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return nil, fmt.Errorf("read redis address %q: want host:port, such as localhost:6379, or a redis:// URL", address)
	}
	return &redis.Options{Addr: address}, nil
}

// Quiet sets what every client of haggle wants: no chatter at connection, no second pool, no retries of its own, and the
// context's deadline kept.
func Quiet(o *redis.Options) {
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.PipelinePoolSize = -1
	// The client writes to standard error each time it cannot connect, in every process alike; the callers report once.
	logging.Disable()
}

func newClient(o Options) (*redis.Client, error) {
	if o.Address == "" && o.Dial != nil {
		o.Address = "inside:0"
	}
	c, err := ParseAddress(o.Address)
	if err != nil {
		return nil, err
	}
	Quiet(c)
	c.Dialer = o.Dial
	if o.Password != nil {
		username := c.Username
		c.CredentialsProviderContext = func(context.Context) (string, string, error) { return username, o.Password(), nil }
	}
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = dialTimeout, socketTimeout, socketTimeout, poolTimeout
	c.PoolSize, c.MaxActiveConns = 16, mostConnections
	return redis.NewClient(c), nil
}

// probe asks Redis for a sign of life until it gives one within the time that a read has, and then lets reads through.
func (s *Store) probe() {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(s.life, s.options.Timeout)
		err := s.client.Ping(ctx).Err()
		cancel()
		if err == nil {
			s.metrics.open.Set(0)
			s.options.Log.Info("redis found again")
			s.breaker.shut()
			return
		}
	}
}
