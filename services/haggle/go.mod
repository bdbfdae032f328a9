module github.com/haggle-commerce/haggle/services/haggle

go 1.26

require (
	github.com/haggle-commerce/haggle/services/gateway v0.0.0
	github.com/haggle-commerce/haggle/services/recall v0.0.0
	github.com/haggle-commerce/haggle/services/ranking v0.0.0
	github.com/haggle-commerce/haggle/services/feature-store v0.0.0
	github.com/haggle-commerce/haggle/services/autoscaler v0.0.0
	github.com/haggle-commerce/haggle/services/trainer v0.0.0
	github.com/haggle-commerce/haggle/libs v0.0.0
	github.com/google/go-cmp v0.7.0
	golang.org/x/sync v0.24.0
	github.com/prometheus/client_golang v1.25.0
	github.com/alicebob/miniredis/v2 v2.40.0
	github.com/nats-io/nats-server/v2 v2.15.2
	github.com/nats-io/nats.go v1.55.0
	github.com/schollz/progressbar/v3 v3.19.1
	github.com/chromedp/chromedp v0.23.0
	github.com/redis/go-redis/v9 v9.23.0
)

replace github.com/haggle-commerce/haggle/libs => ../../libs

replace github.com/haggle-commerce/haggle/services/gateway => ../gateway

replace github.com/haggle-commerce/haggle/services/recall => ../recall

replace github.com/haggle-commerce/haggle/services/ranking => ../ranking

replace github.com/haggle-commerce/haggle/services/feature-store => ../feature-store

replace github.com/haggle-commerce/haggle/services/autoscaler => ../autoscaler

replace github.com/haggle-commerce/haggle/services/trainer => ../trainer
