// Command autoscaler advises how many replicas hold the objective at the least cost, and simulates how it would have done.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/autoscaler"
)

func main() {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) int{"simulate": autoscaler.Simulate, "compare": autoscaler.Compare}
	if len(os.Args) > 1 {
		if run, known := commands[os.Args[1]]; known {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := run(ctx, os.Args[2:], os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		}
	}
	service.Main("autoscaler", autoscaler.Default(), autoscaler.Run)
}
