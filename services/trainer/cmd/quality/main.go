// Command quality learns from a catalogue and an event log, and says how good the orders of recall, popularity and each learnt
// model are on the part of the log that was held out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/trainer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	c := trainer.DefaultComparison()
	err := service.LoadFields("quality", service.Fields("quality", "", &c), os.Args[1:], os.Getenv)
	if err == nil {
		err = trainer.Compare(ctx, c, os.Stdout, os.Stderr)
	}
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println(err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}
