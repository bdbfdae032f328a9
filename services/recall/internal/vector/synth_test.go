package vector

import (
	"math/rand/v2"

	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
)

// tieOf is a hash of a slot, as the catalogue has one of the id.
func tieOf(s catalogue.Slot) uint64 { return mixed(uint64(s)*0xbf58476d1ce4e5b9 + 1) }

// clustered draws vectors around centres, each in some directions more than in others.
func clustered(n, dims, centres int, seed uint64) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 9))
	middle := make([][]float32, centres)
	for i := range middle {
		middle[i] = make([]float32, dims)
		for j := range middle[i] {
			middle[i][j] = float32(r.NormFloat64())
		}
	}
	all := make([][]float32, n)
	for i := range all {
		c := middle[r.IntN(centres)]
		all[i] = make([]float32, dims)
		for j := range all[i] {
			all[i][j] = c[j] + float32(r.NormFloat64())
		}
	}
	return all
}
