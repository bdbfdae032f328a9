// Command autoscaler advises how many replicas hold the objective at the least cost.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	"github.com/haggle-commerce/haggle/services/autoscaler"
)

func main() { service.Main("autoscaler", autoscaler.Default(), autoscaler.Run) }
