module github.com/haggle-commerce/haggle/services/recall/remote

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/haggle-commerce/haggle/libs v0.0.0
	github.com/haggle-commerce/haggle/services/recall v0.0.0
	github.com/opensearch-project/opensearch-go/v4 v4.8.1
	github.com/qdrant/go-client v1.18.2
	google.golang.org/grpc v1.80.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/bits-and-blooms/bitset v1.24.2 // indirect
	github.com/blevesearch/mmap-go v1.2.0 // indirect
	github.com/blevesearch/snowballstem v0.9.0 // indirect
	github.com/blevesearch/vellum v1.2.1 // indirect
	golang.org/x/net v0.53.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.36.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260427160629-7cedc36a6bc4 // indirect
)

replace (
	github.com/haggle-commerce/haggle/libs => ../../../libs
	github.com/haggle-commerce/haggle/services/recall => ../
)
