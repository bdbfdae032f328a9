module github.com/haggle-commerce/haggle/services/bench

go 1.26.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	github.com/google/go-cmp v0.7.0
	github.com/haggle-commerce/haggle/services/recall v0.0.0
)

require (
	github.com/bits-and-blooms/bitset v1.24.2 // indirect
	github.com/blevesearch/mmap-go v1.2.0 // indirect
	github.com/blevesearch/vellum v1.2.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	github.com/blevesearch/snowballstem v0.9.0 // indirect
	github.com/haggle-commerce/haggle/libs v0.0.0 // indirect
	github.com/haggle-commerce/haggle/services/trainer v0.0.0
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/haggle-commerce/haggle/libs => ../../libs

replace github.com/haggle-commerce/haggle/services/recall => ../recall

replace github.com/haggle-commerce/haggle/services/trainer => ../trainer
