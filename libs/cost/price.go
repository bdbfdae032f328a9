package cost

import "time"

// NanoUSD is money in billionths of a US dollar.
type NanoUSD float64

// PriceBook says what a node class costs. The zero value prices everything at nothing; see [DefaultPrices].
type PriceBook struct {
	// CoreHour is the price of one core for one hour in US dollars; GiBHour that of one GiB of memory.
	CoreHour float64 `json:"cpu"`
	GiBHour  float64 `json:"memory"`
}

// DefaultPrices returns $0.04 per core-hour and $0.005 per GiB-hour, the middle of the large clouds' on-demand lists.
func DefaultPrices() PriceBook { return PriceBook{CoreHour: 0.04, GiBHour: 0.005} }

// CPU returns the price of d of CPU time.
func (p PriceBook) CPU(d time.Duration) NanoUSD {
	return NanoUSD(p.CoreHour * 1e9 / float64(time.Hour) * float64(d))
}

// Replica returns what a replica that asks for cores and bytes of memory costs over d, idle or not.
func (p PriceBook) Replica(cores float64, bytes uint64, d time.Duration) NanoUSD {
	perHour := p.CoreHour*cores + p.GiBHour*float64(bytes)/(1<<30)
	return NanoUSD(perHour * 1e9 / float64(time.Hour) * float64(d))
}
