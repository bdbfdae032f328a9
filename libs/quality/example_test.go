package quality_test

import (
	"fmt"

	"github.com/haggle-commerce/haggle/libs/quality"
)

// Three items are relevant (3, 2, 1); the ranking shows 2, nothing, 3 and misses the third.
//
//	DCG@3   = 2/log2(2) + 0/log2(3) + 3/log2(4) = 2 + 0 + 1.5 = 3.5
//	ideal@3 = 3/log2(2) + 2/log2(3) + 1/log2(4) = 3 + 1.2619 + 0.5 = 4.7619
//	NDCG@3  = 3.5 / 4.7619 = 0.7350
func ExampleNDCG() {
	fmt.Printf("%.4f\n", quality.NDCG([]float64{2, 0, 3}, []float64{1, 2, 3}, 3))
	// Output: 0.7350
}

// One item is relevant, so the ideal of the first 10 ranks has one hit: 1/log2(2) = 1. It stands at rank 3: 1/log2(4) = 0.5.
func ExampleNDCG_fewerRelevantThanK() {
	fmt.Println(quality.NDCG([]float64{0, 0, 1, 0}, []float64{1}, 10))
	// Output: 0.5
}

// Two of the four relevant items stand in the first three ranks: 2/4.
func ExampleRecall() {
	fmt.Println(quality.Recall([]float64{1, 0, 1, 1}, 4, 3))
	// Output: 0.5
}

// Two of the first four ranks hit: 2/4. A list of two with one hit, asked for four: 1/4.
func ExamplePrecision() {
	fmt.Println(quality.Precision([]float64{1, 0, 1, 0, 1}, 4), quality.Precision([]float64{1, 0}, 4))
	// Output: 0.5 0.25
}

// The first hit stands at rank 3: 1/3. Within the first two ranks there is none.
func ExampleMRR() {
	gains := []float64{0, 0, 1, 1}
	fmt.Printf("%.4f %v\n", quality.MRR(gains, 10), quality.MRR(gains, 2))
	// Output: 0.3333 0
}

// Of two queries the first has a hit in the first two ranks: (1 + 0) / 2.
func ExampleHitRate() {
	fmt.Println(quality.Mean([]float64{quality.HitRate([]float64{0, 1}, 2), quality.HitRate([]float64{0, 0, 1}, 2)}))
	// Output: 0.5
}

// Hits at ranks 1 and 3 of two relevant items: (1/1 + 2/3) / 2 = 0.8333.
func ExampleAveragePrecision() {
	fmt.Printf("%.4f\n", quality.AveragePrecision([]float64{1, 0, 1}, 2, 10))
	// Output: 0.8333
}

// The two items that score 0.5 have relevances 1 and 0; each order is as likely, so each stands for 0.5.
func ExampleGains() {
	fmt.Println(quality.Gains([]float32{0.5, 0.9, 0.5}, []float64{1, 0, 0}))
	// Output: [0 0.5 0.5]
}

// Positives score 0.8 and 0.5, negatives 0.5 and 0.1. Of the four pairs three are won and one, 0.5 against 0.5, is tied:
// (3 + 0.5) / 4 = 0.875.
func ExampleAUC() {
	fmt.Println(quality.AUC([]float32{0.8, 0.5, 0.5, 0.1}, []bool{true, true, false, false}))
	// Output: 0.875
}

// -(ln 0.8 + ln(1 - 0.4)) / 2 = (0.2231 + 0.5108) / 2 = 0.3670.
func ExampleLogLoss() {
	fmt.Printf("%.4f\n", quality.LogLoss([]float64{0.8, 0.4}, []bool{true, false}))
	// Output: 0.3670
}

// Three were predicted, two were there, one is both: P = 1/3, R = 1/2, F1 = 2 * 1/6 / (5/6) = 0.4.
func ExampleF1() {
	fmt.Println(quality.F1([]bool{true, true, true, false}, []bool{true, false, false, true}))
	// Output: 0.4
}

// Two bins of two: the first says 0.1 and 0.3 and sees 0 of 2, a gap of 0.2; the second says 0.6 and 0.8 and sees 2 of 2, a
// gap of 0.3. (2*0.2 + 2*0.3) / 4 = 0.25.
func ExampleCalibrationError() {
	fmt.Printf("%.2f\n", quality.CalibrationError([]float64{0.6, 0.1, 0.3, 0.8}, []bool{true, false, false, true}, 2))
	// Output: 0.25
}

// Two of the four items of the catalogue were ever shown: 2/4.
func ExampleCoverage() {
	fmt.Println(quality.Coverage([]int{7, 0, 1}, 4))
	// Output: 0.5
}

// Sorted 0, 1, 3 with n = 3: weights 2i-n-1 are -2, 0, 2; (0*-2 + 1*0 + 3*2) / (3 * 4) = 0.5.
func ExampleGini() {
	fmt.Println(quality.Gini([]int{3, 0, 1}))
	// Output: 0.5
}

// The second system is better on three queries of four and equal on one: the mean gap is (0.2 + 0.1 + 0 + 0.1) / 4 = 0.1, and
// no resample of gaps that are never negative has a negative mean.
func ExampleBootstrapDifference() {
	a, b := []float64{0.2, 0.4, 0.5, 0.7}, []float64{0.4, 0.5, 0.5, 0.8}
	d := quality.BootstrapDifference(a, b, quality.Resampling{Rounds: 500, Seed: 1})
	fmt.Printf("%.2f %v %v\n", d.Mean, d.Low >= 0, d.NotWorse)
	// Output: 0.10 true 1
}
