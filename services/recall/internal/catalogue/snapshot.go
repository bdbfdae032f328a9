package catalogue

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/pack"
	"github.com/haggle-commerce/haggle/services/recall/internal/rows"
)

// AppendBinary appends the state of the catalogue: ids, fields, and of the values what cannot be worked out from the rest.
func (c *Catalogue) AppendBinary(dst []byte) []byte {
	d := &c.dictionary
	dst = pack.AppendUint(dst, uint64(c.Size()))
	for s := range Slot(c.Size()) {
		dst = pack.AppendText(dst, string(c.ID(s)))
	}
	dst = pack.AppendList(dst, []uint64(c.live))
	dst = pack.AppendList(dst, []uint64(c.buyable))
	dst = pack.AppendList(dst, c.prices.of)
	dst = pack.AppendList(dst, c.created)
	dst = pack.AppendUint(dst, uint64(len(d.keys)))
	for _, k := range d.keys {
		name := "" // a number that is not in use
		if k != nil {
			name = k.name
		}
		dst = pack.AppendText(dst, name)
	}
	dst = pack.AppendUint(dst, uint64(len(d.texts)))
	for i := range d.texts {
		t := &d.texts[i]
		dst = pack.AppendText(dst, t.text)
		if t.text != "" {
			dst = pack.AppendUint(dst, uint64(d.values[t.value].key))
		}
	}
	dst = pack.AppendUint(dst, uint64(len(d.groups)))
	for i := range d.groups {
		g := &d.groups[i]
		dst = pack.AppendUint(dst, uint64(len(g.texts())))
		if len(g.members) > 0 {
			dst = pack.AppendUint(dst, uint64(g.key))
			for _, t := range g.texts() {
				dst = pack.AppendUint(dst, uint64(t))
			}
		}
	}
	for s := range Slot(c.Size()) {
		row := c.rows.Of(uint32(s))
		dst = append(dst, uint8(len(row)))
		for _, g := range row {
			dst = pack.AppendUint(dst, uint64(g))
		}
	}
	return dst
}

// Open reads a catalogue that [Catalogue.AppendBinary] wrote. Its errors wrap [pack.ErrBroken].
func Open(b []byte) (*Catalogue, error) {
	r := pack.Read(b)
	c := New()
	n := r.Count(2)
	for range n {
		id := shop.ItemID(r.Bytes())
		if _, ok := c.names.find(id); ok || id == "" {
			r.Fail("an id is empty or there twice")
			return nil, r.Err()
		}
		c.names.add(id)
	}
	c.live, c.buyable = pack.List[uint64](r), pack.List[uint64](r)
	prices, created := pack.List[float64](r), pack.List[int64](r)
	words := (n + 63) / 64
	if len(c.live) != words || len(c.buyable) != words || len(prices) != n || len(created) != n {
		r.Fail("%d items have %d and %d sets, %d prices and %d dates", n, len(c.live), len(c.buyable), len(prices), len(created))
		return nil, r.Err()
	}
	if n%64 > 0 && c.live[words-1]>>(n%64) != 0 {
		r.Fail("an item beyond the last")
	}
	for w := range c.live {
		if c.buyable[w]&^c.live[w] != 0 {
			r.Fail("an item that is not there can be bought")
		}
	}
	c.count = c.live.Count()
	c.created = created
	for s, price := range prices {
		c.prices.grow()
		c.prices.set(Slot(s), price)
	}
	c.dictionary.open(r)
	c.openRows(r, n)
	if err := r.End(); err != nil {
		return nil, err
	}
	return c, nil
}

// open reads the keys, texts and groups, none of which has items yet.
func (d *dictionary) open(r *pack.Reader) {
	for range r.Count(1) {
		name := r.Text()
		if _, ok := d.byName[name]; ok {
			r.Fail("a key is there twice")
			return
		}
		if name == "" {
			d.freeKeys = append(d.freeKeys, keyID(len(d.keys)))
			d.keys = append(d.keys, nil)
			continue
		}
		id := keyID(len(d.keys))
		d.keys = append(d.keys, &key{name: name, groups: []groupID{nobody}})
		d.byName[name] = id
	}
	for n := range uint32(r.Count(1)) {
		s := r.Text()
		d.texts = append(d.texts, text{next: nobody})
		if s == "" {
			d.freeTexts = append(d.freeTexts, n)
			continue
		}
		k := keyID(r.Below(len(d.keys)))
		if r.Err() != nil || d.keys[k] == nil {
			r.Fail("a text without a key")
			return
		}
		hash := hashIn(k, s)
		if _, ok := d.textAt.Find(hash, func(n uint32) bool { return d.texts[n].text == s && d.values[d.texts[n].value].key == k }); ok {
			r.Fail("a text is there twice")
			return
		}
		v := d.internValue(k, s)
		d.texts[n] = text{text: s, value: v, next: d.values[v].texts}
		d.values[v].texts = textID(n)
		d.textAt.Add(hash, n, d.hashOfText)
	}
	for n := range uint32(r.Count(1)) {
		d.openGroup(r, n)
		if r.Err() != nil {
			return
		}
	}
}

func (d *dictionary) openGroup(r *pack.Reader, n groupID) {
	count := r.Count(1)
	d.groups = append(d.groups, group{})
	if count == 0 {
		d.freeGroup = append(d.freeGroup, n)
		return
	}
	k := keyID(r.Below(len(d.keys)))
	texts := make([]uint32, count)
	for i := range texts {
		texts[i] = uint32(r.Below(len(d.texts)))
		if r.Err() != nil || d.keys[k] == nil || d.texts[texts[i]].text == "" || (i > 0 && texts[i] <= texts[i-1]) || count >= 1<<16 {
			r.Fail("a group without a key, or with texts that are none or do not rise")
			return
		}
		if own := d.values[d.texts[texts[i]].value].key; own != k && (d.keys[k].name != KeyCategory || d.keys[own].name != keyLevel) {
			r.Fail("a group with a text of another key")
			return
		}
	}
	// It takes the number that it had: internGroup takes the last free one.
	before := d.freeGroup
	d.freeGroup = []uint32{n}
	if got := d.internGroup(k, texts); got != n {
		r.Fail("a group is there twice")
	}
	d.freeGroup = before
}

// openRows reads the groups of n items, and checks that nothing was read before that no item has.
func (c *Catalogue) openRows(r *pack.Reader, n int) {
	d := &c.dictionary
	c.rows.Reserve(n)
	for range n {
		c.rows.Grow()
	}
	for s := range Slot(n) {
		count := r.Below(rows.Most + 1)
		c.row = c.row[:0]
		for i := range count {
			g := groupID(r.Below(len(d.groups)))
			if r.Err() != nil || len(d.groups[g].members) == 0 || (i > 0 && d.groups[g].key <= d.groups[c.row[i-1]].key) {
				r.Fail("an item of a group that is none, or of two of one key")
				return
			}
			c.row = append(c.row, g)
		}
		if count > 0 && !c.live.Has(s) {
			r.Fail("an item that is not there has values")
			return
		}
		c.hold(s, c.row)
	}
	if slices.ContainsFunc(d.groups, func(g group) bool { return g.items == 0 && len(g.members) > 0 }) ||
		slices.ContainsFunc(d.texts, func(t text) bool { return t.items == 0 && t.text != "" }) ||
		slices.ContainsFunc(d.keys, func(k *key) bool { return k != nil && k.items == 0 && k.name != keyLevel }) {
		r.Fail("a key, a text or a group that no item has")
	}
}
