package synth

import (
	"context"
	"testing"

	"github.com/haggle-commerce/haggle/libs/shop"
)

func TestDefaultShopIsValid(t *testing.T) {
	s, err := Generate(context.Background(), Options{Seed: 1},
		func(it shop.Item) error { return it.Check() }, func(e shop.Event) error { return e.Check() })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(s)
}
