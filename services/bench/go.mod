module github.com/haggle-commerce/haggle/services/bench

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	github.com/google/go-cmp v0.7.0
)

replace github.com/haggle-commerce/haggle/libs => ../../libs
