//go:build !race

package ranking

// racing says that the race detector is on: it makes pools forget at random.
const racing = false
