package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/haggle-commerce/haggle/libs/dataset/table"
	"github.com/haggle-commerce/haggle/libs/shop"
)

// eventPlan turns rows into events.
type eventPlan struct {
	options Options
	move    time.Duration
	emit    func(shop.Event) error
	columns *columns
	// kind is for rows of a log without a column for it.
	kind    shop.EventKind
	hasKind bool
	// kinds are the kinds by the names that logs give to them.
	kinds map[string]shop.EventKind
	// seen holds a 64-bit hash of each event id that the file gives.
	seen    map[uint64]struct{}
	baskets baskets
}

func newEventPlan(o Options, move time.Duration, emit func(shop.Event) error) *eventPlan {
	p := &eventPlan{options: o, move: move, emit: emit, seen: map[uint64]struct{}{}, kinds: map[string]shop.EventKind{}}
	for kind, list := range kindNames {
		p.kinds[kindKey(string(kind))] = kind
		for name := range strings.FieldsSeq(list) {
			p.kinds[kindKey(name)] = kind
		}
	}
	p.baskets.limit = o.MaxHeld
	if p.baskets.limit <= 0 {
		p.baskets.limit = 500_000
	}
	return p
}

func (p *eventPlan) learn(rows []table.Row, r *Report) error {
	p.columns = newColumns(eventNames, false)
	if len(rows) == 0 {
		return nil
	}
	has := map[role]bool{}
	r.Columns = map[string]string{}
	for i := range rows {
		for _, f := range unwrapped(rows[i].Fields) {
			c := p.columns.of(f.Name)
			has[c.role] = true
			if r.Columns[f.Name] = string(c.role); c.role == "" {
				r.Columns[f.Name] = "not used"
			}
		}
	}
	var missing []string
	if !has[roleItem] && !has[roleItems] && !has[roleSearch] {
		missing = append(missing, "an item, such as item_id, product_id or items")
	}
	if !has[roleTime] {
		missing = append(missing, "a time, such as timestamp, time, date or order_date")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: found %s; expected %s", ErrColumns, listed(slices.Sorted(maps.Keys(r.Columns))), strings.Join(missing, " and "))
	}
	p.hasKind = has[roleEvent]
	switch {
	case p.options.Kind != "":
		p.kind = p.options.Kind
	case has[roleTransaction] || has[roleQuantity] || has[rolePrice] || has[roleTotal]:
		p.kind = shop.Purchase
	default:
		p.kind = shop.ViewItem
	}
	return nil
}

// unwrapped puts the fields of objects that only wrap others in their place: GA4's ecommerce, Google Retail's userInfo; and
// those of the events of a request to the events endpoint, for [eventPlan.learn].
func unwrapped(fields []table.Field) []table.Field {
	if len(fields) == 1 && fields[0].Name == "events" {
		if list, ok := fields[0].Value.([]any); ok && len(list) > 0 {
			if object, ok := list[0].(map[string]any); ok {
				var inner table.Row
				inner.SetFields(object)
				return unwrapped(inner.Fields)
			}
		}
	}
	wraps := func(f table.Field) bool {
		_, object := f.Value.(map[string]any)
		name := plainName(f.Name)
		return object && (name == "ecommerce" || name == "user_info" || name == "properties" || name == "data")
	}
	if !slices.ContainsFunc(fields, wraps) {
		return fields
	}
	var all []table.Field
	for _, f := range fields {
		if !wraps(f) {
			all = append(all, f)
			continue
		}
		var inner table.Row
		inner.SetFields(f.Value.(map[string]any))
		all = append(all, inner.Fields...)
	}
	return all
}

func (p *eventPlan) take(r *table.Row, report *Report) error {
	if len(r.Fields) == 1 && r.Fields[0].Name == "events" {
		if list, ok := r.Fields[0].Value.([]any); ok {
			return p.takeBatch(r.Line, list, report)
		}
	}
	return p.takeOne(r, report)
}

// takeBatch takes the events of one request as rows of their own, all with the number of their line.
func (p *eventPlan) takeBatch(line int, list []any, report *Report) error {
	report.Read += len(list) - 1
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			report.reject(line, fmt.Sprintf("events[%d]", i), "is no object")
			continue
		}
		inner := table.Row{Line: line}
		inner.SetFields(object)
		content, err := json.Marshal(object)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		inner.Content = append(content, byte(i), byte(i>>8))
		if err := p.takeOne(&inner, report); err != nil {
			return err
		}
	}
	return nil
}

func (p *eventPlan) takeOne(r *table.Row, report *Report) error {
	e, flat, bad := p.event(r)
	if bad == nil {
		named := e.ID != ""
		if !named {
			e.ID = contentID(r)
		}
		if bad = firstFault(e.Check()); bad == nil && named && (!flat || e.Transaction == "") {
			key := hash(e.ID)
			if _, again := p.seen[key]; again {
				report.Duplicates++
				return nil
			}
			p.seen[key] = struct{}{}
		}
	}
	if bad != nil {
		report.reject(r.Line, bad.Field, bad.Reason)
		return nil
	}
	report.Kept++
	if !flat || e.Transaction == "" {
		return p.send(&e, report)
	}
	for _, whole := range p.baskets.add(e) {
		if err := p.send(whole, report); err != nil {
			return err
		}
	}
	return nil
}

func (p *eventPlan) finish(report *Report) error {
	for _, e := range p.baskets.all() {
		if err := p.send(e, report); err != nil {
			return err
		}
	}
	return nil
}

func (p *eventPlan) send(e *shop.Event, report *Report) error {
	e.Time = e.Time.Add(p.move)
	if report.First.IsZero() || e.Time.Before(report.First) {
		report.First = e.Time
	}
	if e.Time.After(report.Last) {
		report.Last = e.Time
	}
	report.Emitted++
	if err := p.emit(*e); err != nil {
		return fmt.Errorf("emit event %s: %w", e.ID, err)
	}
	return nil
}

// contentID stands in for a missing event id: the first half of the SHA-256 of the line number and the content, so that the
// same file read again gives the same events.
func contentID(r *table.Row) string {
	h := sha256.New()
	h.Write(strconv.AppendInt(nil, int64(r.Line), 10))
	h.Write([]byte{':'})
	h.Write(r.Content)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// event reads one row. flat says that the row holds one item in columns of its own, and not a list of items.
func (p *eventPlan) event(r *table.Row) (e shop.Event, flat bool, bad *shop.FieldError) {
	best := map[role]pick{}
	for _, f := range unwrapped(r.Fields) {
		if s, isText := f.Value.(string); f.Value == nil || isText && table.Missing(strings.TrimSpace(s)) {
			continue
		}
		if c := p.columns.of(f.Name); c.role != "" {
			if old, ok := best[c.role]; !ok || c.rank < old.rank {
				best[c.role] = pick{c.rank, f.Name, f.Value}
			}
		}
	}
	if bad := p.head(&e, best); bad != nil {
		return e, false, bad
	}
	list, hasList := best[roleItems]
	if hasList {
		if e.Items, bad = p.items(list.value); bad != nil {
			return e, false, bad
		}
	}
	if len(e.Items) == 0 && best[roleItem].value != nil {
		flat = true
		item, bad := flatItem(best, &e)
		if bad != nil {
			return e, true, bad
		}
		e.Items = []shop.EventItem{item}
	}
	return e, flat, nil
}

// head fills all but the items.
func (p *eventPlan) head(e *shop.Event, best map[role]pick) *shop.FieldError {
	e.ID = table.FirstText(best[roleEventID].value)
	if e.Kind = p.kind; p.hasKind {
		e.Kind = p.kindOf(table.FirstText(best[roleEvent].value))
	}
	at, ok := best[roleTime]
	if !ok {
		return &shop.FieldError{Field: "timestamp", Reason: "is missing"}
	}
	t, err := table.Moment(at.value)
	if err != nil {
		return &shop.FieldError{Field: "timestamp", Reason: fmt.Sprintf("%v (column %s)", err, at.key)}
	}
	e.Time = t
	e.Shopper = shop.ShopperID(table.FirstText(best[roleShopper].value))
	e.Session = shop.SessionID(table.FirstText(best[roleSession].value))
	e.Placement = shop.Placement(table.FirstText(best[rolePlacement].value))
	e.SearchTerm = table.FirstText(best[roleSearch].value)
	e.Transaction = table.FirstText(best[roleTransaction].value)
	e.Currency = table.FirstText(best[roleCurrency].value)
	e.Request = shop.RequestID(table.FirstText(best[roleRequest].value))
	e.Model = table.FirstText(best[roleModel].value)
	e.Verified, _ = best[roleVerified].value.(bool)
	if consent, ok := best[roleConsent].value.(map[string]any); ok {
		if allowed, ok := consent["personalization"].(bool); ok && !allowed {
			e.Shopper, e.Session = "", ""
		}
	}
	if value, ok := best[roleValue]; ok {
		x, _, err := table.Number(value.value)
		if err != nil {
			return &shop.FieldError{Field: "value", Reason: fmt.Sprintf("%v (column %s)", err, value.key)}
		}
		e.Value = x
	}
	return nil
}

// kindOf maps the names that others give to the kinds; what it does not know it leaves for Check to refuse.
func (p *eventPlan) kindOf(name string) shop.EventKind {
	if kind, ok := p.kinds[kindKey(name)]; ok {
		return kind
	}
	return shop.EventKind(name)
}

// kindKey writes the name of an event without what separates its words.
func kindKey(name string) string { return strings.ReplaceAll(plainName(name), "_", "") }
