//go:build race

package engine

// racing says that the race detector is on: it makes pools forget at random.
const racing = true
