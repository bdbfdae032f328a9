package dataset

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// items reads a list of items: objects or keys, or a text of either.
func (p *eventPlan) items(value any) ([]shop.EventItem, *shop.FieldError) {
	if s, ok := value.(string); ok {
		var inner table.Row
		if strings.HasPrefix(strings.TrimSpace(s), "[") && inner.Decode([]byte(`{"items":`+s+`}`)) == nil {
			return p.items(inner.Fields[0].Value)
		}
		var keys []any
		for _, key := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;|[]'\"", r) }) {
			keys = append(keys, key)
		}
		value = keys
	}
	list, ok := value.([]any)
	if !ok {
		return nil, &shop.FieldError{Field: "items", Reason: "is no list"}
	}
	items := make([]shop.EventItem, 0, len(list))
	for i, element := range list {
		item, bad := p.listItem(element)
		if bad != nil {
			bad.Field = fmt.Sprintf("items[%d].%s", i, bad.Field)
			return nil, bad
		}
		items = append(items, item)
	}
	return items, nil
}

func (p *eventPlan) listItem(element any) (item shop.EventItem, bad *shop.FieldError) {
	object, ok := element.(map[string]any)
	if !ok {
		item.ID = shop.ItemID(table.FirstText(element))
		return item, nil
	}
	rank := math.MaxInt
	for _, name := range slices.Sorted(maps.Keys(object)) {
		c, value := p.columns.of(name), object[name]
		if name == "id" {
			c = column{role: roleItem, rank: 1000}
		}
		if value == nil {
			continue
		}
		x, _, err := table.Number(value)
		switch c.role {
		case roleItem:
			if c.rank < rank {
				rank, item.ID = c.rank, shop.ItemID(table.FirstText(value))
			}
			continue
		case roleIndex:
			item.Index = int(x)
		case roleQuantity:
			item.Quantity = x
		case rolePrice:
			item.Price = x
		default:
			continue
		}
		if err != nil {
			return item, &shop.FieldError{Field: name, Reason: err.Error()}
		}
	}
	return item, nil
}

// flatItem reads the item of a row that holds one. Less than nothing bought is a refund, as in the logs of retailers.
func flatItem(best map[role]pick, e *shop.Event) (item shop.EventItem, bad *shop.FieldError) {
	item.ID = shop.ItemID(table.FirstText(best[roleItem].value))
	read := func(r role) (x float64) {
		if at, ok := best[r]; ok {
			var err error
			if x, _, err = table.Number(at.value); err != nil && bad == nil {
				bad = &shop.FieldError{Field: string(r), Reason: fmt.Sprintf("%v (column %s)", err, at.key)}
			}
		}
		return x
	}
	item.Index = int(read(roleIndex))
	item.Quantity, item.Price = read(roleQuantity), read(rolePrice)
	total := read(roleTotal)
	if bad != nil {
		return item, bad
	}
	_, counted := best[roleQuantity]
	if e.Kind == shop.Purchase || e.Kind == shop.Refund {
		switch {
		case counted && item.Quantity == 0:
			return item, &shop.FieldError{Field: "quantity", Reason: "is 0, so nothing was bought"}
		case item.Quantity < 0:
			e.Kind, item.Quantity, total = shop.Refund, -item.Quantity, math.Abs(total)
		}
	}
	if item.Price == 0 && total != 0 {
		// Four digits, so that a thousandth of a gallon keeps a price.
		item.Price = math.Round(total/max(item.Quantity, 1e-9)*1e4) / 1e4
		if item.Quantity == 0 {
			item.Price = total
		}
	}
	return item, nil
}
