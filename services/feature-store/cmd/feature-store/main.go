// Command feature-store folds events into the rows that queries read.
package main

import (
	"github.com/haggle-commerce/haggle/libs/service"
	featurestore "github.com/haggle-commerce/haggle/services/feature-store"
)

func main() { service.Main("feature-store", featurestore.Default(), featurestore.Run) }
