package main

// The loops that the kernels are, for their doc comments. Rows are blocked: see Pack in libs/kernel.
var (
	dotsDoc = []string{
		"\tfor b := range blocks {",
		"\t\tfor r := range 16 {",
		"\t\t\tsum := int32(0)",
		"\t\t\tfor j := range 4 * groups {",
		"\t\t\t\tsum += int32(rows[(b*groups+j/4)*64+4*r+j%4]) * int32(query[j])",
		"\t\t\t}",
		"\t\t\tdst[16*b+r] = sum",
		"\t\t}",
		"\t}",
	}
	scanDoc = []string{
		"\tfor i, sum := range dots(rows, query) {",
		"\t\tif score := float32(sum-bias) * scales[i]; score > threshold {",
		"\t\t\tindices[n], scores[n] = uint32(i), score",
		"\t\t\tn++",
		"\t\t}",
		"\t}",
	}
	nearestDoc = []string{
		"\tfor i, sum := range dots(rows, query) {",
		"\t\tif score := float32(sum-bias) * scales[i]; score > scores[i%16] {",
		"\t\t\tindices[i%16], scores[i%16] = uint32(i), score",
		"\t\t}",
		"\t}",
	}
	dot16Doc = []string{"\tfor i := range n {", "\t\tsum += int64(a[i]) * int64(b[i])", "\t}"}
	dotDoc   = []string{"\tfor i := range n {", "\t\tsum += x[i] * y[i]", "\t}", "", "with as many partial sums as four registers hold, each multiplication fused with its addition."}
	axpyDoc  = []string{"\tfor i := range n {", "\t\ty[i] += alpha * x[i]", "\t}", "", "with each multiplication fused with its addition."}
	scaleDoc = []string{"\tfor i := range n {", "\t\tx[i] *= alpha", "\t}"}
	largeDoc = []string{"\tfor i := range n {", "\t\tlargest = max(largest, abs(x[i]))", "\t}"}
	quantDoc = []string{"\tfor i := range n {", "\t\tdst[i] = int8(roundToEven(x[i] * factor))", "\t}", "", "for n a multiple of 16 and products within [-127, 127]."}
)
