package catalogue

// The constants of FNV-1a, 64 bits wide.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// hashText goes on with the FNV-1a hash h over the bytes of text.
func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * fnvPrime
	}
	return h
}

// hashNumber goes on with the FNV-1a hash h over the bytes of n.
func hashNumber(h uint64, n uint32) uint64 {
	for range 4 {
		h = (h ^ uint64(n&0xff)) * fnvPrime
		n >>= 8
	}
	return h
}

// spread makes the lower bits of a hash depend on all of it.
func spread(h uint64) uint64 {
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}
