package catalogue

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/haggle-commerce/haggle/services/recall/internal/numbers"
)

// valueID, textID, groupID and keyID number what their names say.
type (
	valueID uint32
	textID  uint32
	groupID = uint32
	keyID   uint32
)

// nobody ends a chain of texts.
const nobody = math.MaxUint32

// key is one name that items have values for.
type key struct {
	name string
	// values are all values of the key.
	values []valueID
	// groups are the groups of the key by their ordinal, which is counted from 1; free are ordinals without one.
	groups []groupID
	free   []uint32
	// items is how many items have the key, postings the sum over its values of how many have them.
	items, postings int
	// column is the ordinals by slot, nil while few items have the key.
	column *column
}

// value is one value of one key, with the items that have it. Values that differ in capitals alone are one.
type value struct {
	// folded is the form in which values are compared.
	folded string
	// number is the value as a number, or NaN.
	number float64
	items  set
	key    keyID
	// at is where the value stands in its key's values; texts begins the chain of the ways in which it is written.
	at    uint32
	texts textID
}

// text is one way to write a value, with how many items write it so.
type text struct {
	text  string
	value valueID
	items uint32
	// next is the next text of the same value.
	next textID
}

// group is all that one item says of one key: most keys have few groups, and items of one group are told apart by nothing there.
type group struct {
	// members are the numbers of the values, rising, and then those of the texts, rising.
	members []uint32
	values  uint16
	key     keyID
	// ordinal is the number of the group among those of its key.
	ordinal uint32
	// items is how many items are of the group.
	items uint32
}

// dictionary is the keys, values, texts and groups of a catalogue. Numbers that are not in use are in the free lists.
type dictionary struct {
	byName map[string]keyID
	keys   []*key
	values []value
	texts  []text
	groups []group

	valueAt, textAt, groupAt         numbers.Table
	freeKeys                         []keyID
	freeValues, freeTexts, freeGroup []uint32
}

func (d *dictionary) key(name string) (keyID, *key) {
	if id, ok := d.byName[name]; ok {
		return id, d.keys[id]
	}
	return 0, nil
}

// internKey returns the number of a key, a new one when it has none.
func (d *dictionary) internKey(name string) keyID {
	if id, ok := d.byName[name]; ok {
		return id
	}
	id := keyID(len(d.keys))
	if n := len(d.freeKeys); n > 0 {
		id, d.freeKeys = d.freeKeys[n-1], d.freeKeys[:n-1]
	} else {
		d.keys = append(d.keys, nil)
	}
	k := &key{name: strings.Clone(name), groups: []groupID{nobody}}
	d.keys[id] = k
	d.byName[k.name] = id
	return id
}

// take returns a free number, or the next one and true when the list has to grow.
func take(free *[]uint32, length int) (uint32, bool) {
	if n := len(*free); n > 0 {
		id := (*free)[n-1]
		*free = (*free)[:n-1]
		return id, false
	}
	return uint32(length), true
}

func hashIn(k keyID, s string) uint64 { return spread(hashText(hashNumber(fnvOffset, uint32(k)), s)) }

func (d *dictionary) hashOfText(n uint32) uint64 {
	t := &d.texts[n]
	return hashIn(d.values[t.value].key, t.text)
}

func (d *dictionary) hashOfValue(n uint32) uint64 {
	return hashIn(d.values[n].key, d.values[n].folded)
}

func (d *dictionary) hashOfGroup(n uint32) uint64 {
	g := &d.groups[n]
	return hashMembers(g.key, g.texts())
}

func hashMembers(k keyID, texts []uint32) uint64 {
	h := hashNumber(fnvOffset, uint32(k))
	for _, t := range texts {
		h = hashNumber(h, t)
	}
	return spread(h)
}

func (g *group) valuesOf() []uint32 { return g.members[:g.values] }

func (g *group) texts() []uint32 { return g.members[g.values:] }

// findValue returns the value of a key in its folded form.
func (d *dictionary) findValue(k keyID, folded string) (valueID, bool) {
	n, ok := d.valueAt.Find(hashIn(k, folded), func(n uint32) bool { return d.values[n].key == k && d.values[n].folded == folded })
	return valueID(n), ok
}

// internText returns the number of a text of a key, a new one when it has none.
func (d *dictionary) internText(k keyID, s string) textID {
	hash := hashIn(k, s)
	n, ok := d.textAt.Find(hash, func(n uint32) bool { return d.texts[n].text == s && d.values[d.texts[n].value].key == k })
	if ok {
		return textID(n)
	}
	s = strings.Clone(s)
	v := d.internValue(k, s)
	n, grow := take(&d.freeTexts, len(d.texts))
	if grow {
		d.texts = append(d.texts, text{})
	}
	d.texts[n] = text{text: s, value: v, next: d.values[v].texts}
	d.values[v].texts = textID(n)
	d.textAt.Add(hash, n, d.hashOfText)
	return textID(n)
}

func (d *dictionary) internValue(k keyID, s string) valueID {
	folded := strings.ToLower(s)
	if v, ok := d.findValue(k, folded); ok {
		return v
	}
	n, grow := take(&d.freeValues, len(d.values))
	if grow {
		d.values = append(d.values, value{})
	}
	owner := d.keys[k]
	v := value{folded: folded, number: math.NaN(), key: k, at: uint32(len(owner.values)), texts: nobody}
	if number, err := strconv.ParseFloat(folded, 64); err == nil {
		v.number = number
	}
	d.values[n] = v
	owner.values = append(owner.values, valueID(n))
	d.valueAt.Add(hashIn(k, folded), n, d.hashOfValue)
	return valueID(n)
}

// internGroup returns the group of key k that holds the texts, which rise, a new one without items when there is none.
func (d *dictionary) internGroup(k keyID, texts []uint32) groupID {
	hash := hashMembers(k, texts)
	n, ok := d.groupAt.Find(hash, func(n uint32) bool { return d.groups[n].key == k && slices.Equal(d.groups[n].texts(), texts) })
	if ok {
		return n
	}
	members := make([]uint32, 0, 2*len(texts))
	for _, t := range texts {
		members = append(members, uint32(d.texts[t].value))
	}
	slices.Sort(members)
	members = slices.Compact(members)
	g := group{values: uint16(len(members)), key: k}
	g.members = append(members, texts...)
	n, grow := take(&d.freeGroup, len(d.groups))
	if grow {
		d.groups = append(d.groups, group{})
	}
	owner := d.keys[k]
	ordinal, grow := take(&owner.free, len(owner.groups))
	if grow {
		owner.groups = append(owner.groups, 0)
	}
	owner.groups[ordinal] = n
	g.ordinal = ordinal
	d.groups[n] = g
	d.groupAt.Add(hash, n, d.hashOfGroup)
	return n
}

// forgetGroup frees a group without items, and what no other group holds.
func (d *dictionary) forgetGroup(n groupID) {
	g := &d.groups[n]
	d.groupAt.Remove(d.hashOfGroup(n), n, d.hashOfGroup)
	owner := d.keys[g.key]
	owner.groups[g.ordinal] = nobody
	owner.free = append(owner.free, g.ordinal)
	for _, t := range g.texts() {
		if d.texts[t].items == 0 {
			d.forgetText(textID(t))
		}
	}
	if owner.items == 0 {
		d.forgetKey(g.key)
	}
	*g = group{}
	d.freeGroup = append(d.freeGroup, n)
}

// forgetText frees a text that no item has, and its value when it was the last.
func (d *dictionary) forgetText(t textID) {
	d.textAt.Remove(d.hashOfText(uint32(t)), uint32(t), d.hashOfText)
	id := d.texts[t].value
	v := &d.values[id]
	for at := &v.texts; *at != nobody; at = &d.texts[*at].next {
		if *at == t {
			*at = d.texts[t].next
			break
		}
	}
	d.texts[t] = text{}
	d.freeTexts = append(d.freeTexts, uint32(t))
	if v.texts != nobody {
		return
	}
	d.valueAt.Remove(d.hashOfValue(uint32(id)), uint32(id), d.hashOfValue)
	k := d.keys[v.key]
	last := len(k.values) - 1
	moved := k.values[last]
	k.values[v.at] = moved
	d.values[moved].at = v.at
	k.values = k.values[:last]
	if last == 0 && len(k.groups) == 1 {
		d.forgetKey(v.key) // a key of values alone, whose groups are another's
	}
	*v = value{}
	d.freeValues = append(d.freeValues, uint32(id))
}

func (d *dictionary) forgetKey(id keyID) {
	delete(d.byName, d.keys[id].name)
	d.keys[id] = nil
	d.freeKeys = append(d.freeKeys, id)
}

// show returns the value as most items write it, of equals the first by alphabet: the same whatever came first.
func (d *dictionary) show(id valueID) string {
	best := d.values[id].texts
	for t := d.texts[best].next; t != nobody; t = d.texts[t].next {
		have, other := &d.texts[best], &d.texts[t]
		if other.items > have.items || (other.items == have.items && other.text < have.text) {
			best = t
		}
	}
	return d.texts[best].text
}

func (d *dictionary) bytes() (dictionaryBytes, postingBytes, columnBytes int) {
	n := d.valueAt.Bytes() + d.textAt.Bytes() + d.groupAt.Bytes() + 4*(cap(d.freeValues)+cap(d.freeTexts)+cap(d.freeGroup))
	n += 72*cap(d.values) + 32*cap(d.texts) + 40*cap(d.groups)
	for i := range d.values {
		postingBytes += d.values[i].items.bytes()
	}
	for i := range d.texts {
		n += len(d.texts[i].text)
		if t := &d.texts[i]; t.text != "" && d.values[t.value].folded != t.text {
			n += len(t.text)
		}
	}
	for i := range d.groups {
		n += 4 * cap(d.groups[i].members)
	}
	for _, k := range d.keys {
		if k != nil {
			n += 128 + len(k.name) + 4*(cap(k.values)+cap(k.groups)+cap(k.free))
			columnBytes += k.column.bytes()
		}
	}
	return n, postingBytes, columnBytes
}
