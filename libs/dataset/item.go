package dataset

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// itemPlan turns rows into items.
type itemPlan struct {
	options Options
	emit    func(shop.Item) error
	columns *columns
	// composed says that the file has no titles: they are made of the type, the brand and the size.
	composed bool
	// scale divides prices.
	scale float64
	// best is used again for every row.
	best map[role]pick
	// seen holds a 64-bit hash of each key, 16 bytes or so an item; two keys with one hash would only be counted wrongly.
	seen map[uint64]struct{}
}

// draft is an item while its columns are gathered.
type draft struct {
	shop.Item
	report *Report
	best   map[role]pick
	levels []pick
	path   []string
}

// pick is a value and its place among the columns of one role.
type pick struct {
	rank  int
	key   string
	value any
}

func (p *itemPlan) learn(rows []table.Row, r *Report) error {
	p.columns = newColumns(itemNames, true)
	if len(rows) == 0 {
		return nil
	}
	names := columnNames(rows)
	plain := map[string]bool{}
	for name := range names {
		plain[plainName(name)] = true
	}
	if plain["vendor"] && plain["type"] {
		// Shopify calls the narrowest category so; elsewhere a type may be anything.
		p.columns.byName["type"] = p.columns.byName["product_type"]
	}
	has := map[role]bool{}
	r.Columns = map[string]string{}
	for name := range names {
		c := p.columns.of(name)
		has[c.role] = true
		if r.Columns[name] = string(c.role); c.role == "" {
			r.Columns[name] = "attribute " + c.key
		}
	}
	p.composed = !has[roleTitle] && !has[roleTitles]
	var missing []string
	if !has[roleID] {
		missing = append(missing, "a key, such as id, item_id, product_id or sku")
	}
	if p.composed && !has[roleLevel] {
		missing = append(missing, "a title, such as title, name or product_name (or product_type to make one of)")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: found %s; expected %s", ErrColumns, listed(slices.Sorted(maps.Keys(names))), strings.Join(missing, " and "))
	}
	if p.scale = p.options.PriceScale; p.scale == 0 {
		p.scale = priceScale(plain, rows)
	}
	return nil
}

func columnNames(rows []table.Row) map[string]bool {
	names := map[string]bool{}
	for i := range rows {
		for _, f := range rows[i].Fields {
			names[f.Name] = true
		}
	}
	return names
}

// priceScale knows an Icecat product export, which has cents; see [Options.PriceScale].
func priceScale(plain map[string]bool, rows []table.Row) float64 {
	if !plain["supplier"] || !plain["ean"] || !plain["img_high"] && !plain["img_500x500"] {
		return 1
	}
	for i := range rows {
		for _, f := range rows[i].Fields {
			if x, _, err := table.Number(f.Value); f.Name == "price" && (err != nil || x != math.Trunc(x)) {
				return 1
			}
		}
	}
	return 100
}

func (p *itemPlan) take(row *table.Row, r *Report) error {
	item, bad := p.item(row, r)
	if bad != nil {
		r.reject(row.Line, bad.Field, bad.Reason)
		return nil
	}
	key := hash(string(item.ID))
	if _, again := p.seen[key]; again {
		r.Duplicates++
	} else {
		p.seen[key] = struct{}{}
		r.Kept++
	}
	r.Emitted++
	if err := p.emit(item); err != nil {
		return fmt.Errorf("emit line %d: %w", row.Line, err)
	}
	return nil
}

func (p *itemPlan) finish(*Report) error { return nil }

// hash is FNV-1a with 64 bits.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (p *itemPlan) item(r *table.Row, report *Report) (shop.Item, *shop.FieldError) {
	clear(p.best)
	d := &draft{report: report, best: p.best}
	for _, f := range r.Fields {
		if s, isText := f.Value.(string); f.Value == nil || isText && table.Missing(strings.TrimSpace(s)) {
			continue
		}
		d.gather(p.columns.of(f.Name), f.Value)
	}
	if bad := p.prices(d); bad != nil {
		return d.Item, bad
	}
	d.plainFields()
	vector, err := table.Vector(d.best[roleVector].value)
	if err != nil {
		return d.Item, &shop.FieldError{Field: "vector", Reason: fmt.Sprintf("%v (column %s)", err, d.best[roleVector].key)}
	}
	d.Vector = vector
	d.categories(p.composed)
	if p.composed {
		d.Title = composeTitle(d.Categories, d.Brand, table.FirstText(d.best[roleSize].value))
	}
	if d.Title == "" {
		d.Title = d.Titles["en"]
	}
	d.capAttributes()
	if bad := firstFault(d.Check()); bad != nil {
		return d.Item, bad
	}
	return d.Item, nil
}

// firstFault is the first of the faults that a Check of package shop joined.
func firstFault(err error) *shop.FieldError {
	var fault *shop.FieldError
	if errors.As(err, &fault) {
		return fault
	}
	return nil
}

// gather puts a value where its column belongs.
func (d *draft) gather(c column, value any) {
	switch c.role {
	case "":
		if c.key != "" {
			d.attribute(c.key, value)
		} else {
			d.report.drop("column without a name")
		}
	case roleKey:
		d.report.drop("key or code: " + c.key)
	case roleTitles:
		d.titles(c.key, value)
	case roleCategories:
		if path := pathOf(value); len(path) > len(d.path) {
			d.path = path
		}
	case roleLevel:
		d.levels = append(d.levels, pick{c.rank, c.key, value})
	case roleAttributes:
		d.attributes(c.key, value)
	default:
		if byLanguage, ok := value.(map[string]any); ok && c.role == roleTitle {
			d.titles("", byLanguage)
			return
		}
		if c.role == roleSize {
			d.attribute(c.key, value)
		}
		if old, ok := d.best[c.role]; !ok || c.rank < old.rank {
			d.best[c.role] = pick{c.rank, c.key, value}
		}
	}
}

// titles takes one title in a language, or an object of them.
func (d *draft) titles(tag string, value any) {
	if byLanguage, ok := value.(map[string]any); ok {
		for language, title := range byLanguage {
			d.titles(language, title)
		}
		return
	}
	switch tag {
	case "zh_cn", "zh_hans", "zh-CN", "zh-Hans":
		tag = "zh"
	}
	title := tidy(table.FirstText(value))
	if title == "" || tag == "titles" {
		return
	}
	if d.Titles == nil {
		d.Titles = map[string]string{}
	}
	d.Titles[strings.ReplaceAll(tag, "_", "-")] = title
}

// prices finds the price that is asked now. A number that cannot be read rejects the row: a wrong price costs money.
func (p *itemPlan) prices(d *draft) *shop.FieldError {
	scale, chosen := p.scale, d.best[rolePrice]
	if chosen.value == nil {
		if chosen = d.best[roleCents]; p.options.PriceScale == 0 {
			scale = 100
		}
	}
	if amount, ok := chosen.value.(map[string]any); ok {
		chosen.value = amount["value"]
		if amount["amount"] != nil {
			chosen.value = amount["amount"]
		}
		d.Currency = table.FirstText(amount["currency"])
	}
	if chosen.value == nil {
		return nil
	}
	price, currency, err := table.Number(chosen.value)
	if err != nil {
		return &shop.FieldError{Field: "price", Reason: fmt.Sprintf("%v (column %s)", err, chosen.key)}
	}
	if d.Price = price; scale != 0 && scale != 1 {
		d.Price = math.Round(price/scale*1e6) / 1e6
	}
	if d.Currency == "" {
		d.Currency = currency
	}
	if named := table.FirstText(d.best[roleCurrency].value); named != "" {
		d.Currency = named
	}
	if d.Currency == "" {
		d.Currency = p.options.Currency
	}
	return nil
}

// plainFields fills what needs no other column.
func (d *draft) plainFields() {
	d.ID = shop.ItemID(table.FirstText(d.best[roleID].value))
	d.Title = tidy(table.FirstText(d.best[roleTitle].value))
	d.Brand = tidy(table.FirstText(d.best[roleBrand].value))
	d.Description = d.describe(d.best[roleDescription].value)
	d.ImageURL = d.address("image", d.best[roleImage].value)
	d.URL = d.address("url", d.best[roleURL].value)
	d.Availability = d.availability()
	for r, at := range map[role]*time.Time{roleCreated: &d.CreatedAt, roleUpdated: &d.UpdatedAt} {
		value := d.best[r].value
		if value == nil {
			continue
		}
		t, err := table.Moment(value)
		if err != nil {
			d.report.drop(string(r) + ": is no time")
			continue
		}
		*at = t
	}
	if f := table.FirstText(d.best[roleCurrency].value); d.Currency == "" {
		d.Currency = f
	}
}
