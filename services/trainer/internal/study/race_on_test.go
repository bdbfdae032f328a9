//go:build race

package study

// raceOn says that the race detector watches: everything takes ten times as long.
const raceOn = true
