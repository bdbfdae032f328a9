package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/haggle-commerce/haggle/libs/observe"
)

// The exit codes of a service.
const (
	exitClean  = 0
	exitFault  = 1
	exitConfig = 2
)

// Main is the whole main function of a service: it reads the configuration, runs the service until SIGTERM or an interrupt,
// drains it within 5 s and exits; a second signal exits at once. The exit code is 0 after a clean end, 1 after a fault and 2
// when the configuration cannot be used. With -probe it asks the service that runs at the admin port whether it is ready instead.
func Main[C any](name string, defaults C, run func(context.Context, Kit, C) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// From the first signal on, the next has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, name, defaults, run, world{os.Args[1:], os.Getenv, os.Stdout, os.Stderr}))
}

// world is what a process is given from outside.
type world struct {
	args           []string
	env            func(string) string
	stdout, stderr io.Writer
}

// execute is Main without the process around it.
func execute[C any](ctx context.Context, name string, c C, run func(context.Context, Kit, C) error, w world) int {
	common := DefaultCommon()
	args, probes := probing(w.args)
	if err := Load(name, &c, &common, args, w.env); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(w.stdout, err)
			return exitClean
		}
		fmt.Fprintf(w.stderr, "%s cannot start, its configuration is not usable:\n", name)
		for _, fault := range each(err) {
			fmt.Fprintf(w.stderr, "  %v\n", fault)
		}
		return exitConfig
	}
	if probes {
		if err := probe(ctx, common.Admin); err != nil {
			fmt.Fprintln(w.stderr, err)
			return exitFault
		}
		return exitClean
	}
	LimitMemory(common.Memory, w.env)
	CalmMonitor()
	house, err := Open(ctx, common, Options{Log: observe.NewLogger(w.stderr, common.LogLevel, common.LogFormat)})
	if err != nil {
		fmt.Fprintf(w.stderr, "%s cannot start:\n", name)
		for _, fault := range each(err) {
			fmt.Fprintf(w.stderr, "  %v\n", fault)
		}
		return exitConfig
	}
	house.log.Info("starting", "service", name, "process", house.process, "admin", house.Admin())
	err = house.Run(ctx, Room{Name: name, Run: func(ctx context.Context, kit Kit) error { return run(ctx, kit, c) }})
	if err != nil {
		house.log.Error("ended with a fault", "service", name, "error", err)
		return exitFault
	}
	house.log.Info("ended", "service", name)
	return exitClean
}

// LimitMemory keeps the Go heap below nine tenths of the memory that the process asks for, unless the environment already
// says otherwise by GOMEMLIMIT; the rest is for stacks, buffers of the kernel and a moment's excess.
func LimitMemory(memory Bytes, env func(string) string) {
	if memory > 0 && env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(memory) / 10 * 9)
	}
}
