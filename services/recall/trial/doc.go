// Package trial puts the cores of recall to the test on published data, for haggle-bench.
package trial
