//go:build race

package haggle

const raceEnabled = true
