// Command remote runs recall with the back ends that can stand in for its own index.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/recall"
	"github.com/haggle-commerce/haggle/services/recall/remote"
)

func main() {
	c := recall.Default()
	c.Open = remote.Open
	service.Main("recall", c, recall.Run)
}
