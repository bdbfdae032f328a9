module github.com/haggle-commerce/haggle/services/trainer

go 1.26.0

require (
	github.com/haggle-commerce/haggle/libs v0.0.0
	github.com/google/go-cmp v0.7.0
	golang.org/x/sync v0.24.0
	github.com/prometheus/client_golang v1.25.0
)

replace github.com/haggle-commerce/haggle/libs => ../../libs
