package feature

import (
	"math"
	"time"

	"github.com/haggle-commerce/haggle/libs/shop"
)

// Neighbours are lists of items that go with an item. libs/model/neighbour implements it; a replay may bring its own.
type Neighbours interface {
	// Lookup returns the number that an item has in the lists.
	Lookup(id shop.ItemID) (index uint32, ok bool)
	// Neighbours returns the items of a list, by their numbers, and how well each goes with it.
	Neighbours(index uint32) (items []uint32, weights []float32)
}

// Question is what is known of a query before its candidates are looked at.
type Question struct {
	// Shopper is what the asker did until Now; nil for somebody unknown, or who did not agree to be known.
	Shopper *ShopperRow
	// Context holds the items of the page or of the cart.
	Context []shop.ItemID
	// Query is the text of a search.
	Query string
	// Neighbours may be nil: the features made of them are then 0.
	Neighbours Neighbours
	// Now is the moment that every age is relative to. In a replay it is the moment of the query.
	Now time.Time
}

// How much of the shopper and of the page is looked at.
const (
	// nearHistory is how many of the newest items of a history give neighbours; recentItems how many stand for what the
	// shopper is after right now.
	nearHistory = 40
	recentItems = 5
	// attributeHistory and wordHistory are how many of the newest items say which attributes and words the shopper likes.
	attributeHistory = 64
	wordHistory      = 8
	// maxContext and maxQueryTerms bound what a caller may send.
	maxContext    = 32
	maxQueryTerms = 24
)

// Asker is a [Question] made ready for scoring: the shopper's history resolved against the catalogue. It is filled by
// [Extractor.Ask], belongs to one goroutine, and keeps its memory from question to question. The zero value is ready.
type Asker struct {
	shopper    *ShopperRow
	neighbours Neighbours
	now        int64
	day        int32
	// trips is how many orders the shopper made; size is logOnePlus of how many items the history holds.
	trips, size float32

	// known says for each item of the history, by its hash, where it stands there.
	known table[int32]
	// affinity is the interest of the shopper in a brand, a category or an attribute, by its hash and level; interest is all
	// of it. words is the interest in words of the newest items, times their idf.
	affinity table[float32]
	interest float32
	words    table[float32]
	// meanPrice and spread describe the LogPrice of what the shopper looked at; level is how far above the usual price of
	// its category. havePrice and haveLevel say whether they are known.
	meanPrice, spread, level float32
	havePrice, haveLevel     bool

	recent  []*Facts
	context []*Facts
	near    []source
	terms   []queryTerm
	// allTerms is the sum of the idf of all terms; usualTitle the mean number of terms of a title.
	allTerms, usualTitle float32

	folded    []byte
	positions table[int32]
	first     []int32
	// dayWeight and weekWeight are what a count of some age in days or weeks is worth; nothing beyond the last.
	dayWeight  [2 * RowDays]float32
	weekWeight [64]float32
}

// source is an item whose neighbours score candidates.
type source struct {
	index uint32
	// weight is its part in the features of the history; recent and context say which others it counts for.
	weight          float32
	recent, context bool
}

// queryTerm is one word of a search.
type queryTerm struct {
	hash uint32
	idf  float32
}

// levels of the affinity table: three depths of categories, the brand, the value of an attribute and its key.
const (
	brandLevel = Depths + iota
	valueLevel
	keyLevel
)

func levelKey(level int, hash uint32) uint64 { return uint64(level+1)<<32 | uint64(hash) }

// Half-lives of the decaying counts: in days for the day buckets, in weeks for the week buckets.
const (
	daysHalfLife  = 2
	weeksHalfLife = 4
)

const dayMillis = 24 * 60 * 60 * 1000

// nobody is the row of a shopper who is not known. It is only read.
var nobody ShopperRow

// Ask makes the question ready in a, whose memory it reuses. The question's row must not change while a is in use.
func (x *Extractor) Ask(a *Asker, q Question) {
	a.shopper, a.neighbours = q.Shopper, q.Neighbours
	if a.shopper == nil {
		a.shopper = &nobody
	}
	a.now, a.day = millisOf(q.Now), dayOf(q.Now)
	if a.dayWeight[0] == 0 {
		for age := range RowDays {
			a.dayWeight[age] = float32(math.Exp2(-float64(age) / daysHalfLife))
		}
		for age := range len(a.weekWeight) - RowWeeks {
			a.weekWeight[age] = float32(math.Exp2(-float64(age) / weeksHalfLife))
		}
	}
	x.catalogue.mu.RLock()
	defer x.catalogue.mu.RUnlock()
	a.askContext(x.catalogue, q.Context)
	a.askHistory(x.catalogue)
	a.askQuery(x.catalogue, q.Query)
}

// askContext resolves the items of the page.
func (a *Asker) askContext(c *Catalogue, ids []shop.ItemID) {
	a.context, a.near = a.context[:0], a.near[:0]
	for _, id := range ids[:min(len(ids), maxContext)] {
		if facts := c.items[HashItem(id)]; facts != nil {
			a.context = append(a.context, facts)
		}
		if a.neighbours != nil {
			if index, ok := a.neighbours.Lookup(id); ok {
				a.near = append(a.near, source{index: index, context: true})
			}
		}
	}
}

// interest is how much an entry of a history says of a shopper's taste: more for a purchase than for a look, less than
// proportional to how often, and fading with 30 days.
func (p *Past) interest(ageDays float32) float32 {
	did := float32(p.Times[Clicked]) + float32(p.Times[Viewed]) + 3*float32(p.Times[Carted]) + 6*float32(p.Bought())
	return logOnePlus(did) / (1 + ageDays/30)
}

// ageDays returns the age of a moment in days, at least 0.
func (a *Asker) ageDays(at int64) float32 {
	return float32(max(a.now-at, 0)) / dayMillis
}

// askHistory resolves the history and adds up what the shopper leans to.
func (a *Asker) askHistory(c *Catalogue) {
	history := a.shopper.History[:min(len(a.shopper.History), MaxHistory)]
	a.trips, a.size = float32(a.shopper.Total[Bought]), logOnePlus(float32(len(history)))
	a.known.reset(len(history))
	a.affinity.reset((Depths+1)*len(history) + 2*maxAttributes*min(len(history), attributeHistory))
	a.recent = a.recent[:0]
	var all, priced, sum, squares, levelled, levels float32
	for i := range history {
		p := &history[i]
		*a.known.value(uint64(p.Item)) = int32(i)
		facts := c.items[p.Item]
		if facts == nil {
			continue
		}
		age := a.ageDays(p.Last)
		weight := p.interest(age)
		if len(a.recent) < recentItems {
			a.recent = append(a.recent, facts)
		}
		if i < nearHistory && a.neighbours != nil {
			if index, ok := a.neighbours.Lookup(facts.ID); ok {
				a.near = append(a.near, source{index: index, weight: weight, recent: i < recentItems})
			}
		}
		all += weight
		if facts.Brand != 0 {
			*a.affinity.value(levelKey(brandLevel, facts.Brand)) += weight
		}
		for depth, category := range facts.Category {
			if category != 0 {
				*a.affinity.value(levelKey(depth, category)) += weight
			}
		}
		if i < attributeHistory {
			for _, attribute := range facts.Attributes {
				*a.affinity.value(levelKey(valueLevel, attribute.Value)) += weight
				*a.affinity.value(levelKey(keyLevel, attribute.Key)) += weight
			}
		}
		if facts.LogPrice > 0 {
			priced += weight
			sum += weight * facts.LogPrice
			squares += weight * facts.LogPrice * facts.LogPrice
			if usual, ok := c.usualPrice(facts.Category[Depths-1]); ok {
				levelled += weight
				levels += weight * (facts.LogPrice - usual)
			}
		}
	}
	if a.havePrice = priced > 0; a.havePrice {
		a.meanPrice = sum / priced
		a.spread = max(float32(math.Sqrt(float64(max(squares/priced-a.meanPrice*a.meanPrice, 0)))), 0.25)
	}
	if a.haveLevel = levelled > 0; a.haveLevel {
		a.level = levels / levelled
	}
	a.interest = all
	a.askWords(c, history[:min(len(history), wordHistory)])
}

// askWords adds up which words the newest items have, each item's interest spread over its words.
func (a *Asker) askWords(c *Catalogue, newest []Past) {
	terms := 0
	for i := range newest {
		if facts := c.items[newest[i].Item]; facts != nil {
			terms += len(facts.Terms)
		}
	}
	a.words.reset(terms)
	var all float32
	for i := range newest {
		facts := c.items[newest[i].Item]
		if facts == nil || len(facts.Terms) == 0 {
			continue
		}
		weight := newest[i].interest(a.ageDays(newest[i].Last))
		all += weight
		for _, term := range facts.Terms {
			*a.words.value(uint64(term)) += weight
		}
	}
	for i, term := range a.words.keys {
		if term != 0 && all > 0 {
			a.words.values[i] *= c.idf(uint32(term)) / all
		}
	}
}

// askQuery takes the words of the search, each once.
func (a *Asker) askQuery(c *Catalogue, query string) {
	a.terms, a.allTerms = a.terms[:0], 0
	a.usualTitle = max(float32(c.titleTerms)/float32(max(len(c.items), 1)), 1)
	if query == "" {
		return
	}
	a.folded = appendFolded(a.folded[:0], query)
	rest := a.folded
	for len(a.terms) < maxQueryTerms {
		var hash uint32
		if hash, rest = nextTerm(rest); hash == 0 {
			return
		}
		fresh := true
		for _, term := range a.terms {
			fresh = fresh && term.hash != hash
		}
		if fresh {
			a.terms = append(a.terms, queryTerm{hash: hash, idf: c.idf(hash)})
			a.allTerms += a.terms[len(a.terms)-1].idf
		}
	}
}
