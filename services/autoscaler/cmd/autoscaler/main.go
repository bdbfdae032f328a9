// Command autoscaler advises how many replicas hold the objective at the least cost, and simulates how it would have done.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/autoscaler"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "simulate" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := autoscaler.Simulate(ctx, os.Args[2:], os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	service.Main("autoscaler", autoscaler.Default(), autoscaler.Run)
}
