// Command trainer runs the trainer service.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/trainer"
)

func main() { service.Main("trainer", trainer.Default(), trainer.Run) }
