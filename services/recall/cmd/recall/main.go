// Command recall finds the items that could answer a query.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/recall"
)

func main() { service.Main("recall", recall.Default(), recall.Run) }
