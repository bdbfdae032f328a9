package gateway

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/gateway/internal/answer"
	"github.com/haggle-commerce/haggle/services/gateway/internal/page"
)

// asShelf turns an answer into a shelf with its receipt.
func (s *storefront) asShelf(a *answer.Answer, placement, title, note, query string) page.Shelf {
	shelf := page.Shelf{Placement: placement, Title: title, Note: note, Token: a.AttributionToken, Receipt: receipt(a, query)}
	for i, r := range a.Results {
		item := s.desk.Item(shop.ItemID(r.ID))
		if item == nil {
			continue
		}
		p := product(item)
		p.Position, p.Score = i, float64(r.Score)
		for _, reason := range r.Reasons {
			p.Reasons = append(p.Reasons, reason.Code)
		}
		shelf.Products = append(shelf.Products, p)
	}
	return shelf
}

// receipt turns the bill of an answer into what the drawer shows.
func receipt(a *answer.Answer, query string) page.Receipt {
	r := page.Receipt{
		Query: query, RequestID: a.RequestID, Took: time.Duration(a.TookMillis * float64(time.Millisecond)), Model: a.Model, Degraded: a.Degraded,
	}
	seen := map[string]bool{}
	for _, result := range a.Results {
		for _, reason := range result.Reasons {
			seen[reason.Code] = true
		}
	}
	r.Reasons = slices.Sorted(maps.Keys(seen))
	if a.Cost == nil {
		return r
	}
	r.Currency, r.MarginalNano, r.LoadedNano = a.Cost.Currency, a.Cost.MarginalNano, a.Cost.FullyLoadedNano
	for _, stage := range a.Cost.Stages {
		cpu := time.Duration(stage.CPUMicros * float64(time.Microsecond))
		r.CPU += cpu
		r.Stages = append(r.Stages, page.Stage{Name: stage.Name, Variant: stage.Variant, CPU: cpu, Candidates: stage.CandidatesOut})
	}
	return r
}

// product turns an item into what a page shows of it.
func product(item *shop.Item) page.Product {
	p := page.Product{
		ID: string(item.ID), Title: item.Title, OtherTitle: item.Titles["zh"], Brand: item.Brand, Categories: item.Categories,
		Description: item.Description, Price: item.Price, Currency: item.Currency, OutOfStock: !item.Buyable(),
	}
	for _, name := range slices.Sorted(maps.Keys(item.Attributes)) {
		values := item.Attributes[name]
		if p.Colour == "" && len(values) > 0 && (name == "colour" || name == "color" || strings.HasSuffix(name, "_colour")) {
			p.Colour = values[0]
		}
		p.Attributes = append(p.Attributes, page.Attribute{Name: strings.ReplaceAll(name, "_", " "), Values: values})
	}
	return p
}
