module github.com/haggle-commerce/haggle/services/gateway

go 1.26

require (
	github.com/haggle-commerce/haggle/libs v0.0.0
	github.com/go-chi/chi/v5 v5.5.0
	github.com/danielgtaylor/huma/v2 v2.39.0
	github.com/prometheus/client_golang v1.25.0
	github.com/google/go-cmp v0.7.0
	golang.org/x/sync v0.24.0
	github.com/go-chi/httprate v0.16.1
)

replace github.com/haggle-commerce/haggle/libs => ../../libs
