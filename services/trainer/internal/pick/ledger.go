package pick

import (
	"slices"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
	"github.com/haggle-commerce/haggle/services/trainer/internal/interaction"
	"github.com/haggle-commerce/haggle/services/trainer/internal/itemitem"
	"github.com/haggle-commerce/haggle/services/trainer/internal/together"
)

// longest is how many items of one user are learnt from, the newest: nobody looks at more with care, robots do.
const longest = 500

// ledger is who touched what in a part of a log. Items are numbered in the order of their ids, and users in the order in which they came,
// so that the numbers do not depend on the order in which the streams were read.
type ledger struct {
	ids []shop.ItemID
	// numbers are the numbers of items by those of the corpus, plus 1; 0 for those that nobody touched.
	numbers []uint32
	matrix  *interaction.Matrix
}

// newLedger reads the first until events.
func newLedger(c *corpus.Corpus, until int) *ledger {
	l := &ledger{numbers: make([]uint32, c.Items()+1)}
	l.number(c, until)
	// What each user touched, the newest last, each item once.
	names, lists := map[uint64]int{}, [][]uint32(nil)
	eachTouch(c, until, func(user uint64, items []corpus.Item) {
		u, ok := names[user]
		if !ok {
			u = len(lists)
			names[user] = u
			lists = append(lists, nil)
		}
		for _, item := range items {
			lists[u] = touch(lists[u], l.numbers[item]-1)
		}
	})
	m, err := interaction.New(lists, len(l.ids))
	if err != nil {
		panic("BUG: the items of a ledger are not those of its matrix: " + err.Error())
	}
	l.matrix = m
	return l
}

// number numbers the items that are touched.
func (l *ledger) number(c *corpus.Corpus, until int) {
	var touched []corpus.Item
	eachTouch(c, until, func(_ uint64, items []corpus.Item) {
		for _, item := range items {
			if l.numbers[item] == 0 {
				l.numbers[item] = 1
				touched = append(touched, item)
			}
		}
	})
	for _, item := range touched {
		l.ids = append(l.ids, c.ID(item))
	}
	slices.Sort(l.ids)
	for _, item := range touched {
		at, _ := slices.BinarySearch(l.ids, c.ID(item))
		l.numbers[item] = uint32(at) + 1
	}
}

// touch puts an item at the end of a list.
func touch(list []uint32, item uint32) []uint32 {
	if at := slices.Index(list, item); at >= 0 {
		list = slices.Delete(list, at, at+1)
	} else if len(list) == longest {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, item)
}

// eachTouch hands over the events among the first until in which somebody touches items.
func eachTouch(c *corpus.Corpus, until int, take func(user uint64, items []corpus.Item)) {
	var items []corpus.Item
	for at := range until {
		e := &c.Events[at]
		switch e.Kind {
		case corpus.Clicked, corpus.Viewed, corpus.Carted, corpus.Bought:
		default:
			continue
		}
		// Who is not known is known for a session.
		user := e.Session | 1<<63
		if e.Shopper != 0 {
			user = uint64(e.Shopper)
		} else if e.Session == 0 {
			continue
		}
		if items = c.ItemsOf(items[:0], e); len(items) > 0 {
			take(user, items)
		}
	}
}

// counts are the lists of package together, by the numbers of the ledger.
func (l *ledger) counts(c *corpus.Corpus, until int, o together.Options) (*itemitem.Lists, error) {
	m, err := together.Learn(c, until, o)
	if err != nil {
		return nil, err
	}
	numbers := make([]uint32, m.Len())
	rows := make([][]itemitem.Entry, len(l.ids))
	for i, id := range m.IDs {
		at, ok := slices.BinarySearch(l.ids, id)
		if !ok {
			panic("BUG: an item has neighbours that nobody touched")
		}
		numbers[i] = uint32(at)
	}
	for i := range m.IDs {
		items, weights := m.Neighbours(uint32(i))
		row := make([]itemitem.Entry, len(items))
		for k := range items {
			row[k] = itemitem.Entry{Item: numbers[items[k]], Weight: weights[k]}
		}
		rows[numbers[i]] = row
	}
	return itemitem.FromRows(rows), nil
}
