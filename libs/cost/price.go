package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// NanoUSD is money in billionths of a US dollar.
type NanoUSD float64

// PriceBook says what a node class costs. The zero value prices everything at nothing; see [DefaultPrices].
type PriceBook struct {
	// CoreHour is the price of one core for one hour in US dollars; GiBHour that of one GiB of memory.
	CoreHour float64 `json:"cpu"`
	GiBHour  float64 `json:"memory"`
	// SpotCoreHour and SpotGiBHour are the same on nodes that may be taken away; 0 means unknown.
	SpotCoreHour float64 `json:"spot_cpu,omitempty"`
	SpotGiBHour  float64 `json:"spot_memory,omitempty"`
	// GPUHour is the price of one accelerator for one hour; 0 means unknown.
	GPUHour float64 `json:"gpu,omitempty"`
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

// Spot returns the book with spot prices in the place of on-demand prices, and whether it knows them.
func (p PriceBook) Spot() (PriceBook, bool) {
	if p.SpotCoreHour <= 0 {
		return p, false
	}
	p.CoreHour, p.GiBHour = p.SpotCoreHour, p.SpotGiBHour
	return p, true
}

// Load reads a price book from a file with the keys of OpenCost's custom pricing: see [Parse].
func Load(path string) (PriceBook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return PriceBook{}, fmt.Errorf("read prices: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return PriceBook{}, fmt.Errorf("read prices from %s: %w", path, err)
	}
	return p, nil
}

// Parse reads OpenCost's custom pricing, a JSON object whose values are numbers or strings that hold one: CPU and RAM in
// dollars per core-hour and GiB-hour, which must both be there, and spotCPU, spotRAM and GPU, which may. Other keys (storage,
// egress, description, ...) are passed over, so that an existing file works. The error names every key that is wrong.
func Parse(data []byte) (PriceBook, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil {
		return PriceBook{}, fmt.Errorf("decode JSON: %w", err)
	}
	var p PriceBook
	var faults []error
	for _, key := range []struct {
		name   string
		into   *float64
		needed bool
	}{
		{"CPU", &p.CoreHour, true},
		{"RAM", &p.GiBHour, true},
		{"spotCPU", &p.SpotCoreHour, false},
		{"spotRAM", &p.SpotGiBHour, false},
		{"GPU", &p.GPUHour, false},
	} {
		raw, there := file[key.name]
		if !there {
			if key.needed {
				faults = append(faults, fmt.Errorf("%s is missing", key.name))
			}
			continue
		}
		dollars, err := parseDollars(raw, key.needed)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %w", key.name, err))
			continue
		}
		*key.into = dollars
	}
	if err := errors.Join(faults...); err != nil {
		return PriceBook{}, err
	}
	return p, nil
}

// maxDollars is above any price per hour of one core, GiB or accelerator: a file with more has the wrong unit.
const maxDollars = 1000

// parseDollars reads 0.04 or "0.04". An empty string stands for unknown, as OpenCost writes it, where the price is not needed.
func parseDollars(raw json.RawMessage, needed bool) (float64, error) {
	text := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return 0, fmt.Errorf("is %s, must be a price in dollars", raw)
		}
	}
	if text == "" && !needed {
		return 0, nil
	}
	dollars, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(dollars) || dollars < 0 || dollars > maxDollars {
		return 0, fmt.Errorf("is %s, must be a price in dollars between 0 and %d", raw, maxDollars)
	}
	return dollars, nil
}
