package synth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Stats describe a generated log.
type Stats struct {
	Items, Events, Sessions int
	// Shoppers is how many came at least once.
	Shoppers int
	ByKind   map[shop.EventKind]int
	// Shown counts the items of all impressions, Clicked those of all clicks.
	Shown, Clicked int
	// Bought counts the lines of all baskets; Multiple the baskets with two lines or more.
	Bought, Multiple int
	// GiniShown and GiniClicked say how unequally the items were shown and clicked: 0 all alike, 1 only one of them.
	GiniShown, GiniClicked float64
}

// CTR is the share of shown items that were clicked.
func (s Stats) CTR() float64 { return ratio(s.Clicked, s.Shown) }

// Basket is the mean number of lines of a purchase.
func (s Stats) Basket() float64 { return ratio(s.Bought, s.ByKind[shop.Purchase]) }

// Conversion is the share of sessions with a purchase, where none has two.
func (s Stats) Conversion() float64 { return ratio(s.ByKind[shop.Purchase], s.Sessions) }

// String writes the figures for people, one group a line.
func (s Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "items %d, events %d, sessions %d, shoppers %d (%.1f sessions each)\n", s.Items, s.Events, s.Sessions, s.Shoppers, ratio(s.Sessions, s.Shoppers))
	for _, k := range shop.EventKinds {
		fmt.Fprintf(&b, "%s %d, ", k, s.ByKind[k])
	}
	fmt.Fprintf(&b, "\nshown %d, CTR %.4f, Gini shown %.3f, Gini clicked %.3f\n", s.Shown, s.CTR(), s.GiniShown, s.GiniClicked)
	fmt.Fprintf(&b, "basket %.2f lines (%d with several), purchases per session %.4f", s.Basket(), s.Multiple, s.Conversion())
	return b.String()
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// counter gathers the statistics as events pass.
type counter struct {
	stats    Stats
	index    map[shop.ItemID]int32
	shown    []int32
	clicked  []int32
	shoppers map[shop.ShopperID]struct{}
	sessions map[shop.SessionID]struct{}
}

func newCounter(o Options, c *catalogue) *counter {
	n := &counter{
		stats: Stats{Items: o.Items, ByKind: map[shop.EventKind]int{}}, index: make(map[shop.ItemID]int32, o.Items),
		shown: make([]int32, o.Items), clicked: make([]int32, o.Items),
		shoppers: map[shop.ShopperID]struct{}{}, sessions: map[shop.SessionID]struct{}{},
	}
	for i := range c.products {
		n.index[c.products[i].id] = int32(i)
	}
	return n
}

func (n *counter) add(e *shop.Event) {
	n.stats.Events++
	n.stats.ByKind[e.Kind]++
	n.shoppers[e.Shopper] = struct{}{}
	n.sessions[e.Session] = struct{}{}
	switch e.Kind {
	case shop.ViewItemList:
		n.stats.Shown += len(e.Items)
		for i := range e.Items {
			n.shown[n.index[e.Items[i].ID]]++
		}
	case shop.SelectItem:
		n.stats.Clicked++
		n.clicked[n.index[e.Items[0].ID]]++
	case shop.Purchase:
		n.stats.Bought += len(e.Items)
		if len(e.Items) > 1 {
			n.stats.Multiple++
		}
	}
}

func (n *counter) done() Stats {
	n.stats.Shoppers, n.stats.Sessions = len(n.shoppers), len(n.sessions)
	n.stats.GiniShown, n.stats.GiniClicked = gini(n.shown), gini(n.clicked)
	return n.stats
}

// gini is the Gini coefficient of counts, by the sum over their order. It sorts counts.
func gini(counts []int32) float64 {
	slices.Sort(counts)
	var sum, weighted float64
	for i, c := range counts {
		sum += float64(c)
		weighted += float64(i+1) * float64(c)
	}
	if sum == 0 {
		return 0
	}
	n := float64(len(counts))
	return 2*weighted/(n*sum) - (n+1)/n
}
