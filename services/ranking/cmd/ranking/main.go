// Command ranking orders candidates for the gateway.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/ranking"
)

func main() { service.Main("ranking", ranking.Default(), ranking.Run) }
