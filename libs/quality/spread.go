package quality

import "slices"

// Coverage returns the share of a catalogue of that many items that was shown at least once: shown counts how often each item
// was, and items that were never shown may be left out of it.
func Coverage(shown []int, catalogue int) float64 {
	if catalogue <= 0 {
		return 0
	}
	seen := 0
	for _, n := range shown {
		if n > 0 {
			seen++
		}
	}
	return float64(seen) / float64(catalogue)
}

// Gini returns how unequally the shows fall on the items: 0 when each was shown as often, near 1 when one has them all.
// Items that were never shown must be in shown, as zeros. It is 0 when nothing was shown.
func Gini(shown []int) float64 {
	sorted := slices.Sorted(slices.Values(shown))
	n, sum, weighted := float64(len(sorted)), 0.0, 0.0
	for i, s := range sorted {
		sum += float64(s)
		weighted += (2*float64(i+1) - n - 1) * float64(s)
	}
	if sum == 0 {
		return 0
	}
	return weighted / (n * sum)
}
