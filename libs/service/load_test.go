package service

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
)

var update = flag.Bool("update", false, "write golden files")

// stall is a configuration of a service that does not exist.
type stall struct {
	Address string        `flag:"address" help:"where it listens"`
	Wait    time.Duration `flag:"wait" help:"how long a shopper waits"`
	Items   int           `flag:"items" help:"items per shelf | at most"`
	Share   float64       `flag:"share" help:"share of the till"`
	Open    bool          `flag:"open" help:"whether it is open"`
	Langs   []string      `flag:"langs" help:"languages spoken"`
	Room    Bytes         `flag:"room" help:"room for goods"`
	Small   int8          `flag:"small"`
	Many    uint16        `flag:"many"`
	Kind    kind          `flag:"kind"`
	Inner
	Untold string
}

type kind string

// Inner is part of stall.
type Inner struct {
	Deep string `flag:"deep-part"`
}

func defaultStall() stall {
	return stall{Address: ":1", Wait: 15 * time.Minute, Items: 10, Share: 0.5, Langs: []string{"en", "zh"}, Room: 512 << 20, Kind: "market"}
}

func (s stall) Check() error {
	var faults []error
	if s.Items > 1000 {
		faults = append(faults, &shop.FieldError{Field: "items", Reason: "want at most 1000"})
	}
	if s.Share > 1 {
		faults = append(faults, &shop.FieldError{Field: "Share", Reason: "want at most 1"})
	}
	if s.Deep == "both" {
		faults = append(faults, errors.New("a fault of its own"), &shop.FieldError{Field: "elsewhere", Reason: "is wrong"})
	}
	return errors.Join(faults...)
}

// environment makes an env function of pairs.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLoadPrecedence(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  func(string) string
		want func(s *stall, c *Common)
	}{
		{"defaults", nil, environment(), func(*stall, *Common) {}},
		{"environment over default", nil, environment("HAGGLE_CORNER_STALL_ITEMS", "20", "HAGGLE_REDIS", "r:1"), func(s *stall, c *Common) { s.Items, c.Redis = 20, "r:1" }},
		{
			"flag over environment",
			[]string{"-items=30", "--redis", "r:2"},
			environment("HAGGLE_CORNER_STALL_ITEMS", "20", "HAGGLE_REDIS", "r:1"),
			func(s *stall, c *Common) { s.Items, c.Redis = 30, "r:2" },
		},
		{"the last flag wins", []string{"-items", "1", "-items", "2"}, environment(), func(s *stall, _ *Common) { s.Items = 2 }},
		{"an empty variable is none", nil, environment("HAGGLE_REDIS", ""), func(*stall, *Common) {}},
		{"an empty flag is a value", []string{"-redis", ""}, environment("HAGGLE_REDIS", "r:1"), func(_ *stall, c *Common) { c.Redis = "" }},
		{"an address that Kubernetes made up", nil, environment("HAGGLE_CORNER_STALL_ITEMS", "tcp://10.0.0.1:80"), func(*stall, *Common) {}},
		{"another service's variable", nil, environment("HAGGLE_ITEMS", "20", "HAGGLE_OTHER_ITEMS", "20"), func(*stall, *Common) {}},
		{
			"every kind",
			[]string{
				"-open", "-wait", "20ms", "-share=0.25", "-langs=de,,fr", "-room", "1.5GiB", "-small=-128", "-many=65535", "-kind", "fair",
				"-deep-part", "x", "-log-level", "debug", "-cores", "2.5", "-memory=300Mi",
			},
			environment("HAGGLE_CORNER_STALL_OPEN", "false"),
			func(s *stall, c *Common) {
				*s = stall{":1", 20 * time.Millisecond, 10, 0.25, true, []string{"de", "fr"}, 3 << 29, -128, 65535, "fair", Inner{"x"}, ""}
				c.LogLevel, c.Cores, c.Memory = -4, 2.5, 300<<20
			},
		},
	} {
		got, gotCommon := defaultStall(), DefaultCommon()
		want, wantCommon := defaultStall(), DefaultCommon()
		c.want(&want, &wantCommon)
		if err := Load("corner-stall", &got, &gotCommon, c.args, c.env); err != nil {
			t.Errorf("%s: Load(%q) = %v", c.name, c.args, err)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(wantCommon, gotCommon); diff != "" {
			t.Errorf("%s: Load(%q) (-want +got):\n%s", c.name, c.args, diff)
		}
	}
}

func TestLoadNamesEveryFault(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  func(string) string
		want []string
	}{
		{"values, from both sources", []string{"-wait", "soon", "-open=perhaps"}, environment("HAGGLE_STALL_ITEMS", "a dozen", "HAGGLE_LOG_LEVEL", "loud"), []string{
			`wait: "soon" (from flag -wait) is not usable: want a duration such as 20ms, 15m or 24h; set -wait or HAGGLE_STALL_WAIT`,
			`items: "a dozen" (from environment variable HAGGLE_STALL_ITEMS) is not usable: want a whole number that fits 64 bits, such as 100; set -items or HAGGLE_STALL_ITEMS`,
			`open: "perhaps" (from flag -open) is not usable: want true or false; set -open or HAGGLE_STALL_OPEN`,
			`log-level: "loud" (from environment variable HAGGLE_LOG_LEVEL) is not usable: want debug, info, warn or error; set -log-level or HAGGLE_LOG_LEVEL`,
		}},
		{"numbers out of range", []string{"-small=128", "-many=-1", "-share=NaN", "-room=lots", "-cores", "1e999"}, environment(), []string{
			`share: "NaN" (from flag -share) is not usable: want a finite number such as 0.5; set -share or HAGGLE_STALL_SHARE`,
			`room: "lots" (from flag -room) is not usable: want an amount of memory such as 512MiB or 2GiB; set -room or HAGGLE_STALL_ROOM`,
			`small: "128" (from flag -small) is not usable: want a whole number that fits 8 bits, such as 100; set -small or HAGGLE_STALL_SMALL`,
			`many: "-1" (from flag -many) is not usable: want a whole number from 0 that fits 16 bits, such as 100; set -many or HAGGLE_STALL_MANY`,
			`cores: "1e999" (from flag -cores) is not usable: want a finite number such as 0.5; set -cores or HAGGLE_CORES`,
		}},
		{"checks, of both structs", []string{"-items=2000", "-deep-part=both"}, environment("HAGGLE_STALL_SHARE", "2", "HAGGLE_NATS", "nonsense", "HAGGLE_ADMIN", "9600"), []string{
			`items: "2000" (from flag -items) is not usable: want at most 1000; set -items or HAGGLE_STALL_ITEMS`,
			`share: "2" (from environment variable HAGGLE_STALL_SHARE) is not usable: want at most 1; set -share or HAGGLE_STALL_SHARE`,
			`a fault of its own`,
			`elsewhere: is wrong`,
			`nats: "nonsense" (from environment variable HAGGLE_NATS) is not usable: want a URL such as nats://nats:4222; set -nats or HAGGLE_NATS`,
			`admin: "9600" (from environment variable HAGGLE_ADMIN) is not usable: want host:port, such as :9600, or off; set -admin or HAGGLE_ADMIN`,
		}},
		{"all of common", []string{"-redis=here", "-log-format=xml", "-cores=-1", "-memory=1k", "-nats-credentials=/none"}, environment(), []string{
			`redis: "here" (from flag -redis) is not usable: want host:port or a URL such as redis://redis:6379/0; set -redis or HAGGLE_REDIS`,
			`log-format: "xml" (from flag -log-format) is not usable: want text or json; set -log-format or HAGGLE_LOG_FORMAT`,
			`cores: "-1" (from flag -cores) is not usable: want a number from 0 to 4096; set -cores or HAGGLE_CORES`,
			`memory: "1000" (from flag -memory) is not usable: want at least 16MiB; set -memory or HAGGLE_MEMORY`,
			`nats-credentials: "/none" (from flag -nats-credentials) is not usable: the file cannot be read (no such file or directory); set -nats-credentials or HAGGLE_NATS_CREDENTIALS`,
		}},
		{"a URL with a password", nil, environment("HAGGLE_REDIS", "gopher://user:canary@host:1"), []string{
			`redis: "a URL with credentials" (from environment variable HAGGLE_REDIS) is not usable: want host:port or a URL such as redis://redis:6379/0; set -redis or HAGGLE_REDIS`,
		}},
		{"an unknown flag", []string{"-item", "3"}, environment(), []string{`read command line: flag provided but not defined: -item; did you mean -items? -help lists the flags`}},
		{"a flag nobody can guess", []string{"-xyzzy=3"}, environment(), []string{`read command line: flag provided but not defined: -xyzzy; -help lists the flags`}},
		{"a flag without its value", []string{"-items"}, environment(), []string{`read command line: flag needs an argument: -items; -help lists the flags`}},
		{"a word", []string{"up"}, environment(), []string{`read command line: "up" is not a flag; flags begin with a dash, -help lists them`}},
	} {
		s, common := defaultStall(), DefaultCommon()
		err := Load("stall", &s, &common, c.args, c.env)
		if err == nil {
			t.Errorf("%s: Load(%q) succeeded", c.name, c.args)
			continue
		}
		if diff := cmp.Diff(strings.Join(c.want, "\n"), err.Error()); diff != "" {
			t.Errorf("%s: Load(%q) (-want +got):\n%s", c.name, c.args, diff)
		}
	}
}

// golden compares got with testdata/name, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs, -update writes it (-want +got):\n%s", path, diff)
	}
}

func TestHelp(t *testing.T) {
	for _, arg := range []string{"-help", "--help", "-h"} {
		s, common := defaultStall(), DefaultCommon()
		err := Load("stall", &s, &common, []string{arg}, environment("HAGGLE_STALL_ITEMS", "not read"))
		var help *Help
		if !errors.Is(err, flag.ErrHelp) || !errors.As(err, &help) {
			t.Fatalf("Load(%s) = %v, want a Help", arg, err)
		}
		golden(t, "help.golden", help.Text)
	}
}

func TestTable(t *testing.T) {
	s, common := defaultStall(), DefaultCommon()
	golden(t, "table.golden", Table(Fields("stall", "", &s))+"\n"+Table(Fields("", "", &common)))
}

// TestSeveralServicesShareACommandLine is how a process of several rooms reads its configuration.
func TestSeveralServicesShareACommandLine(t *testing.T) {
	left, right, common := defaultStall(), defaultStall(), DefaultCommon()
	fields := append(Fields("left", "left.", &left), Fields("right", "right.", &right)...)
	fields = append(fields, Fields("", "", &common)...)
	err := LoadFields("both", fields, []string{"-left.items=7", "-redis=r:1"}, environment("HAGGLE_RIGHT_ITEMS", "8", "HAGGLE_LEFT_ITEMS", "9"))
	if err != nil || left.Items != 7 || right.Items != 8 || common.Redis != "r:1" {
		t.Errorf("LoadFields = %v with items %d and %d and redis %q, want 7, 8 and r:1", err, left.Items, right.Items, common.Redis)
	}
	right.Items = 5000
	if err := CheckFields(fields[:len(fields)/2], &right); err == nil || !strings.Contains(err.Error(), `items`) {
		t.Errorf("CheckFields = %v, want a fault of items", err)
	}
}

func TestFieldsRefuseWhatCannotBeSet(t *testing.T) {
	for name, f := range map[string]func(){
		"a name of container platforms": func() {
			Fields("s", "", &struct {
				P string `flag:"service-port"`
			}{})
		},
		"an unexported field": func() {
			Fields("s", "", &struct {
				p string `flag:"p"`
			}{})
		},
		"a type without text": func() {
			LoadFields("s", Fields("s", "", &struct {
				P []int `flag:"p"`
			}{}), []string{"-p=1"}, environment())
		},
		"two of one name": func() {
			LoadFields("s", Fields("s", "", &struct {
				P string `flag:"p"`
				Q string `flag:"p"`
			}{}), nil, environment())
		},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.HasPrefix(said, "BUG: ") {
					t.Errorf("%s: %s, want a panic that begins BUG", name, said)
				}
			}()
			f()
		}()
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "1024": 1024, "2k": 2000, "300Ki": 300 << 10, "512MiB": 512 << 20, "1.5Gi": 3 << 29, "1TiB": 1 << 40} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "NaN", "Inf", "9999999TiB", "1 MiB", "1mib"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("UnmarshalText(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzBytes(f *testing.F) {
	f.Add("512MiB")
	f.Add("1e3k")
	f.Fuzz(func(t *testing.T, in string) {
		var b, again Bytes
		if b.UnmarshalText([]byte(in)) != nil {
			return
		}
		out, err := b.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		// Numbers above 2^53 pass through a float, so that only what is printed is exact.
		if err := again.UnmarshalText(out); err != nil || again != b && b < 1<<53 {
			t.Fatalf("%q reads as %d, which prints as %s and reads as %d, %v", in, b, out, again, err)
		}
	})
}
