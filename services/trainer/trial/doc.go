// Package trial puts the cores of the trainer to the test on published data, for the bench.
package trial
