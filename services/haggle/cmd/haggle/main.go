// Command haggle runs the whole suite in one process, or loads a shop into a running one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/services/haggle"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// From the first signal on, the next has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

// run returns the exit code: 0 after a clean end, 1 after a fault, 2 when the arguments make no sense.
func run(ctx context.Context, args []string) int {
	err := haggle.Command(ctx, args, os.Getenv, os.Stdout, os.Stderr)
	switch usage := (*haggle.UsageError)(nil); {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "haggle:", err)
		return 2
	default:
		fmt.Fprintln(os.Stderr, "haggle:", err)
		return 1
	}
}
