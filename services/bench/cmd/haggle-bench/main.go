// Command haggle-bench loads a haggle as shoppers would and says what its queries cost.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/services/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := bench.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
