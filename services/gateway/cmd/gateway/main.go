// Command gateway answers the storefront's HTTP API.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/gateway"
)

func main() { service.Main("gateway", gateway.Default(), gateway.Run) }
