package engine

import (
	"math"
	"slices"
	"time"

	"github.com/haggle-commerce/haggle/libs/model/recipe"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
	"github.com/haggle-commerce/haggle/services/recall/internal/catalogue"
	"github.com/haggle-commerce/haggle/services/recall/internal/history"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/session"
	"github.com/haggle-commerce/haggle/services/recall/internal/tally"
	"github.com/haggle-commerce/haggle/services/recall/internal/top"
)

// Limits on what a recommendation starts from.
const (
	maxSeeds   = 16
	maxCurrent = 8
	// likeBeside is how many items of like content are offered where other channels say more.
	likeBeside = 50
	// minAgainDays is how long ago a thing must have been bought to be offered again.
	minAgainDays = 1
	// minRelated is how many items a page shows beside its own at least.
	minRelated = 12
	// freshFor is how long an item counts as new.
	freshFor = 60 * 24 * time.Hour
)

// weights are what each channel counts for a purpose; 0 leaves it out.
type weights [blend.ChannelCount]float32

// table holds the weights of every situation.
type table [len(situations)]weights

// situations are those that a table has rows for, in their order.
var situations = [...]recipe.Situation{
	recipe.Stranger, recipe.Begun, recipe.Ongoing, recipe.Context, recipe.Similar, recipe.Together, recipe.Trending,
}

// tableOf returns the default weights with those of m in their place: a learnt recipe may know some situations and channels only.
func tableOf(m recipe.Model) *table {
	t := &table{}
	for _, layer := range []recipe.Model{recipe.Default(), m} {
		for i, s := range situations {
			for name, w := range layer[s] {
				if ch, ok := blend.ChannelOf(name); ok {
					t[i][ch] = w
				}
			}
		}
	}
	return t
}

// SetRecipe makes m what channels count.
func (e *Engine) SetRecipe(m recipe.Model) error {
	if err := m.Check(); err != nil {
		return err
	}
	t := tableOf(m)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.table = t
	return nil
}

// recipe returns the weights for a request.
func (q *question) recipe(context bool) *weights {
	return &q.engine.table[slices.Index(situations[:], q.situation(context))]
}

func (q *question) situation(context bool) recipe.Situation {
	switch q.request.Purpose {
	case wire.Purpose_PURPOSE_SIMILAR:
		return recipe.Similar
	case wire.Purpose_PURPOSE_TOGETHER:
		return recipe.Together
	case wire.Purpose_PURPOSE_TRENDING:
		return recipe.Trending
	}
	switch {
	case context:
		return recipe.Context
	case len(q.seeds) > 0 && !q.ongoing:
		return recipe.Begun
	case len(q.seeds) > 0:
		return recipe.Ongoing
	}
	return recipe.Stranger
}

func (q *question) recommend() {
	e := q.engine
	q.allow(e.catalogue.Buyable())
	shopper := q.gatherSeeds()
	context := len(q.request.ContextItems) > 0
	w := q.recipe(context)
	q.blender.Reset(e.catalogue.Size())
	if !e.boughtOnce() {
		q.again(w[blend.Again], shopper)
	}
	q.setSeen(shopper, false)
	q.setBought(shopper)
	q.stage("filter", e.catalogue.Count(), q.allowed.Count())
	q.lexical(w[blend.Lexical])
	q.together(w[blend.Together])
	q.session(w[blend.Session])
	q.similar(w[blend.Similar])
	q.nearest(w[blend.Vector])
	if context && q.request.Purpose != wire.Purpose_PURPOSE_RECOMMEND {
		// What goes with the page's item is asked for, not what is popular anyway: that only fills up a short list.
		q.limit = min(q.limit, max(q.blender.Len(), minRelated))
	}
	if !context || q.request.Purpose == wire.Purpose_PURPOSE_RECOMMEND || q.blender.Len() < minRelated {
		q.leading(w)
	}
	if q.blender.Len() < q.limit {
		q.setSeen(shopper, true)
		q.fill()
	}
	cold := q.explore()
	candidates := q.blender.Best(q.limit, e.catalogue)
	if len(cold) > 0 {
		candidates = q.blender.Reserve(q.limit, blend.Explore, cold)
	}
	q.putBlend(candidates)
	q.stage("blend", q.blender.Len(), len(candidates))
}

// gatherSeeds sets seeds to the items of the page and then those that the shopper touched last, and current to those of them
// that belong to the session. Items of the page are not offered. It returns what is known of the shopper, or nil.
func (q *question) gatherSeeds() *history.Shopper {
	e := q.engine
	q.seeds, q.current = q.seeds[:0], q.current[:0]
	for _, id := range q.request.ContextItems {
		if s, ok := e.catalogue.Find(shop.ItemID(id)); ok {
			q.allowed.Clear(s)
			if len(q.seeds) < maxSeeds && !q.isSeed(s) {
				q.seeds = append(q.seeds, tally.Seed{Slot: s, Weight: 1})
			}
		}
	}
	var known *history.Shopper
	if !q.request.Anonymous && q.request.Shopper != "" && q.request.Purpose != wire.Purpose_PURPOSE_TRENDING {
		known = e.shoppers.Find(shop.ShopperID(q.request.Shopper))
	}
	session := len(q.seeds)
	q.ongoing = known != nil && len(known.Recent) > 0 && q.now.Sub(time.Unix(known.Recent[0].At, 0)) < shop.SessionIdle
	if known != nil && q.request.Purpose == wire.Purpose_PURPOSE_RECOMMEND {
		weight := float32(1)
		if len(q.seeds) > 0 {
			weight = 0.3
		}
		for _, touch := range known.Recent {
			if len(q.seeds) == maxSeeds {
				break
			}
			if q.isSeed(touch.Slot) {
				continue
			}
			q.seeds = append(q.seeds, tally.Seed{Slot: touch.Slot, Weight: weight * (1 + 0.5*float32(touch.Kind))})
			if known.Recent[0].At-touch.At < int64(shop.SessionIdle/time.Second) {
				session = len(q.seeds)
			}
			weight *= 0.85
		}
	}
	for _, seed := range q.seeds[:min(session, maxCurrent)] {
		q.current = append(q.current, seed.Slot)
	}
	return known
}

func (q *question) isSeed(s catalogue.Slot) bool {
	for _, seed := range q.seeds {
		if seed.Slot == s {
			return true
		}
	}
	return false
}

// setSeen allows or forbids the items that the shopper touched in this visit: those were seen, and go together with one another,
// so they would lead every list. They come back where a list would stay short, and in the next visit.
func (q *question) setSeen(shopper *history.Shopper, allow bool) {
	if shopper == nil || q.request.Purpose != wire.Purpose_PURPOSE_RECOMMEND {
		return
	}
	e := q.engine
	for _, touch := range shopper.Recent {
		if q.now.Unix()-touch.At > int64(shop.SessionIdle/time.Second) {
			break
		}
		switch {
		case !allow:
			q.allowed.Clear(touch.Slot)
		case touch.Kind != history.Bought && e.catalogue.Buyable().Has(touch.Slot) && q.selection.Holds(touch.Slot) && !q.unwanted(touch.Slot):
			q.allowed.Set(touch.Slot)
		}
	}
}

// setBought forbids what the shopper has just bought, and in a shop in which things are bought once all that they bought. What is
// worth offering again was offered before.
func (q *question) setBought(shopper *history.Shopper) {
	if shopper == nil || q.request.Purpose != wire.Purpose_PURPOSE_RECOMMEND {
		return
	}
	once := q.engine.boughtOnce()
	for _, touch := range shopper.Bought {
		if once || q.now.Unix()-touch.At < minAgainDays*24*60*60 {
			q.allowed.Clear(touch.Slot)
		}
	}
}

// By sense, not by measurement: of a list for a shopper one place in exploreShare goes to items that hardly anybody was shown, and they stay the same for
// exploreFor.
const (
	exploreShare = 25
	exploreFor   = 10 * time.Minute
)

// explore returns the cold items that get the last places of a list. One that is cut short by what goes together stays as it is.
func (q *question) explore() []top.Entry {
	quota := min(q.limit/exploreShare, q.bounds.quotas[blend.Explore])
	if quota == 0 || q.request.Purpose != wire.Purpose_PURPOSE_RECOMMEND || q.blender.Len() < q.limit {
		return nil
	}
	e := q.engine
	// Who asks decides, so that one shopper sees one choice on a page and shoppers see different ones.
	seed := uint64(q.now.UnixNano() / int64(exploreFor))
	for _, text := range []string{q.request.Shopper, q.request.Session, q.request.Placement} {
		for i := range len(text) {
			// FNV-1a: the same on every replica.
			seed = (seed ^ uint64(text[i])) * 1099511628211
		}
	}
	q.entries = e.cold.Choose(q.entries[:0], quota, seed, q.allowed)
	if len(q.entries) > 0 {
		q.stage(blend.Explore.String(), e.cold.Cold(), len(q.entries))
	}
	return q.entries
}

// unwanted reports whether the request names the item as one of its page or as not to be shown.
func (q *question) unwanted(s catalogue.Slot) bool {
	id := string(q.engine.catalogue.ID(s))
	return slices.Contains(q.request.ContextItems, id) || slices.Contains(q.request.ExcludeItems, id)
}

// offer gives what the tally holds to the blender, as one channel's.
func (q *question) offer(ch blend.Channel, weight float32, k int) {
	entries := q.tally.Best(&q.heap, k, q.engine.catalogue, q.allowed)
	q.blender.Add(blend.Offer{Channel: ch, Weight: weight, Entries: entries, Because: q.tally.Because})
	q.stage(ch.String(), len(q.tally.Touched), len(entries))
}

// lexical offers what matches the query of the page.
func (q *question) lexical(weight float32) {
	words := q.engine.read(q.request.Language, q.request.Query)
	if len(words) == 0 {
		return
	}
	k, ok := q.may(blend.Lexical, weight)
	if !ok {
		return
	}
	found := q.engine.words.Find(&q.words, &lexical.Query{
		Words: words, Least: (requiredOf(words) + 1) / 2, Limit: k, Within: q.allowed, Tie: q.engine.catalogue.Tie,
	})
	q.blender.Add(blend.Offer{Channel: blend.Lexical, Weight: weight, Entries: q.words.Best})
	q.stage(blend.Lexical.String(), found.Total, len(q.words.Best))
}

func (q *question) together(weight float32) {
	if weight == 0 {
		return
	}
	if q.engine.neighbours == nil {
		q.degrade(blend.Together, "no_model")
		return
	}
	if len(q.seeds) == 0 {
		return
	}
	k, ok := q.may(blend.Together, weight)
	if !ok {
		return
	}
	q.tally.Reset(q.engine.catalogue.Size())
	q.engine.neighbours.Together(&q.tally, q.seeds)
	q.offer(blend.Together, weight, k)
}

func (q *question) session(weight float32) {
	if len(q.current) == 0 {
		return
	}
	k, ok := q.may(blend.Session, weight)
	if !ok {
		return
	}
	own := shop.SessionID(q.request.Session)
	if own == "" && q.request.Shopper != "" {
		own, _ = session.Key(&shop.Event{Shopper: shop.ShopperID(q.request.Shopper), Time: q.now})
	}
	q.tally.Reset(q.engine.catalogue.Size())
	q.engine.sessions.Predict(&q.tally, &q.room.sessions, session.Question{Current: q.current, Own: own, Allowed: q.allowed, Limit: k})
	q.offer(blend.Session, weight, k)
}

// similar offers items of like content: those that share telling words, weighed by the values that they share. It looks for those
// of the page's item, or else, when what shoppers did says too little, for those of the last two items that this one touched.
func (q *question) similar(weight float32) {
	seeds := min(1, len(q.request.ContextItems))
	if seeds == 0 && q.blender.Len() < q.limit {
		seeds = 2
	}
	if len(q.seeds) == 0 || seeds == 0 {
		return
	}
	k, ok := q.may(blend.Similar, weight)
	if !ok {
		return
	}
	e := q.engine
	if q.request.Purpose != wire.Purpose_PURPOSE_SIMILAR {
		k = min(k, likeBeside)
	}
	q.tally.Reset(e.catalogue.Size())
	for i := range q.seeds[:min(len(q.seeds), seeds)] {
		seed := q.seeds[i]
		e.words.Like(&q.words, seed.Slot, lexical.Query{Limit: k, Within: q.allowed, Tie: e.catalogue.Tie})
		for _, entry := range q.words.Best {
			alike := 0.3 + e.catalogue.SameKind(seed.Slot, entry.Slot)
			q.tally.Add(entry.Slot, float32(entry.Score)*alike*e.priceLikeness(seed.Slot, entry.Slot)*seed.Weight, uint8(i+1))
		}
	}
	q.offer(blend.Similar, weight, k)
}

// priceLikeness is 1 for equal or unknown prices and less the further they are apart: 0.7 for twice the price.
func (e *Engine) priceLikeness(a, b catalogue.Slot) float32 {
	x, y := e.catalogue.Price(a), e.catalogue.Price(b)
	if x == 0 || y == 0 {
		return 1
	}
	return float32(1 / (1 + 0.6*math.Abs(math.Log(x/y))))
}

// again offers what the shopper bought before, but not lately: the more often and the later, the better.
func (q *question) again(weight float32, shopper *history.Shopper) {
	if shopper == nil || len(shopper.Bought) == 0 {
		return
	}
	k, ok := q.may(blend.Again, weight)
	if !ok {
		return
	}
	q.heap.Reset(min(k, history.MaxBought))
	for _, touch := range shopper.Bought {
		if days := q.now.Sub(time.Unix(touch.At, 0)).Hours() / 24; days >= minAgainDays && q.allowed.Has(touch.Slot) {
			score := float64(touch.Count) / (1 + days/30)
			q.heap.Offer(top.Entry{Score: score, Tie: q.engine.catalogue.Tie(touch.Slot), Slot: touch.Slot})
		}
	}
	entries := q.heap.Sorted()
	q.blender.Add(blend.Offer{Channel: blend.Again, Weight: weight, Entries: entries})
	q.stage(blend.Again.String(), len(shopper.Bought), len(entries))
}
