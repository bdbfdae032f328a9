// Command rivals measures parts of haggle beside what others built for the same work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/services/bench/rivals"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := rivals.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
