package service

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/libs/cost"
	"github.com/haggle-commerce/haggle/libs/observe"
	"github.com/haggle-commerce/haggle/libs/online"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// Common is what every process is told, whichever services run in it.
type Common struct {
	NATS            string         `flag:"nats" help:"URL of the NATS server; several, with commas, are tried in turn"`
	NATSCredentials string         `flag:"nats-credentials" help:"file with the credentials for NATS"`
	Redis           string         `flag:"redis" help:"address of Redis: host:port or a redis:// or rediss:// URL"`
	Admin           string         `flag:"admin" help:"address for /healthz, /readyz, /metrics and /debug/pprof; off turns it off"`
	LogLevel        slog.Level     `flag:"log-level" help:"least level of log lines: debug, info, warn or error"`
	LogFormat       observe.Format `flag:"log-format" help:"text for people or json for collectors"`
	Prices          string         `flag:"prices" help:"file with prices in dollars per core-hour and GiB-hour: JSON with CPU and RAM, as in OpenCost's custom pricing"`
	Secrets         string         `flag:"secrets" help:"folder with hmac.key, publishable.keys, secret.keys and redis.password, one key per line; read again when they change"`
	Cores           float64        `flag:"cores" help:"cores that this process asks of its node; 0 is unknown"`
	Memory          Bytes          `flag:"memory" help:"memory that this process asks of its node, such as 512MiB; the Go heap keeps below nine tenths of it; 0 is unknown"`
	Node            string         `flag:"node" help:"name of the node that this process runs on"`
	Pod             string         `flag:"pod" help:"identifier of the pod that this process is"`
}

// DefaultCommon returns what suits a machine that runs everything.
func DefaultCommon() Common {
	return Common{
		NATS: "nats://127.0.0.1:4222", Redis: "127.0.0.1:6379", Admin: "127.0.0.1:9600", LogFormat: observe.Text,
	}
}

// adminOff is the value of [Common.Admin] that turns the admin server off.
const adminOff = "off"

// Check returns every fault, joined, each a [*shop.FieldError].
func (c *Common) Check() error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, &shop.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	for server := range strings.SplitSeq(c.NATS, ",") {
		if u, err := url.Parse(server); server != "" && (err != nil || u.Host == "") {
			fault("nats", "want a URL such as nats://nats:4222")
		}
	}
	if c.Redis != "" {
		if _, err := online.ParseAddress(c.Redis); err != nil {
			fault("redis", "want host:port or a URL such as redis://redis:6379/0")
		}
	}
	if _, _, err := net.SplitHostPort(c.Admin); err != nil && c.Admin != "" && c.Admin != adminOff {
		fault("admin", "want host:port, such as :9600, or %s", adminOff)
	}
	if c.LogFormat != observe.Text && c.LogFormat != observe.JSON {
		fault("log-format", "want %s or %s", observe.Text, observe.JSON)
	}
	if c.Cores < 0 || c.Cores > 4096 {
		fault("cores", "want a number from 0 to 4096")
	}
	if c.Memory > 0 && c.Memory < 16<<20 {
		fault("memory", "want at least 16MiB")
	}
	if c.NATSCredentials != "" {
		if _, err := os.Stat(c.NATSCredentials); err != nil {
			fault("nats-credentials", "the file cannot be read (%v)", errors.Unwrap(err))
		}
	}
	return errors.Join(faults...)
}

// Bytes is an amount of memory. As text it is a whole number with a unit (512MiB, 1.5GiB, 2G, 300Ki) or without (bytes).
type Bytes uint64

// units are the suffixes of [Bytes], the larger first.
var units = []struct {
	name string
	size float64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"Ti", 1 << 40},
	{"Gi", 1 << 30},
	{"Mi", 1 << 20},
	{"Ki", 1 << 10},
	{"T", 1e12},
	{"G", 1e9},
	{"M", 1e6},
	{"k", 1e3},
	{"", 1},
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, unit := range units {
		number, found := strings.CutSuffix(string(text), unit.name)
		if !found {
			continue
		}
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(x) || x < 0 || x*unit.size >= 1<<62 {
			break
		}
		*b = Bytes(x * unit.size)
		return nil
	}
	return errors.New("want an amount of memory such as 512MiB or 2GiB")
}

// MarshalText implements [encoding.TextMarshaler], in the largest binary unit that divides b.
func (b Bytes) MarshalText() ([]byte, error) {
	for _, unit := range units[:4] {
		if size := Bytes(unit.size); b >= size && b%size == 0 {
			return fmt.Appendf(nil, "%d%s", b/size, unit.name), nil
		}
	}
	return strconv.AppendUint(nil, uint64(b), 10), nil
}

// readPrices reads a price book from a file; no file gives the default prices.
func readPrices(path string) (cost.PriceBook, error) {
	if path == "" {
		return cost.DefaultPrices(), nil
	}
	prices, err := cost.Load(path)
	if err != nil {
		return prices, fmt.Errorf(`prices: %w; set -prices or HAGGLE_PRICES to a file such as {"CPU": 0.04, "RAM": 0.005}`, err)
	}
	return prices, nil
}
