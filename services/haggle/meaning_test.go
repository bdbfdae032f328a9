package haggle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/haggle-commerce/haggle/libs/bus"
	"github.com/haggle-commerce/haggle/libs/servicetest"
	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/libs/wire"
)

// said are kinds of things: the word in their titles, and the one that shoppers type, which stands in no title.
var said = map[string]string{
	"laptop": "notebook", "sneaker": "trainers", "couch": "divan", "mobile": "smartphone", "telly": "screen", "fridge": "cooler",
	"jumper": "sweater", "torch": "flashlight",
}

// wordy makes a shop whose shoppers have other words for things than its titles have, and what they clicked on.
func wordy(begin time.Time) (items []shop.Item, log []shop.Event) {
	r := rand.New(rand.NewPCG(3, 3))
	kinds := []string{"laptop", "sneaker", "couch", "mobile", "telly", "fridge", "jumper", "torch"}
	names := strings.Fields("alpha bravo carol delta eagle fable grape hotel india joker knave lemon mango nylon opera pearl queen raven sugar tulip")
	for i := range 400 {
		title := fmt.Sprintf("%s %s %s", names[r.IntN(len(names))], names[r.IntN(len(names))], kinds[i%len(kinds)])
		items = append(items, shop.Item{ID: shop.ItemID(fmt.Sprintf("%s-%d", kinds[i%len(kinds)], i)), Title: title, Price: 10})
	}
	for n := range 3000 {
		i := r.IntN(len(items))
		at := begin.Add(time.Duration(n) * time.Minute)
		log = append(log, shop.Event{
			ID: fmt.Sprint("e", n), Kind: shop.SelectItem, Time: at, Shopper: shop.ShopperID(fmt.Sprint("v", r.IntN(200))), Placement: "search",
			SearchTerm: said[kinds[i%len(kinds)]], Items: []shop.EventItem{{ID: items[i].ID}},
		})
	}
	return items, log
}

// TestWhatIsMeantIsFound teaches an encoder with the clicks of a shop, by the services themselves, and asks for what no title says.
func TestWhatIsMeantIsFound(t *testing.T) {
	server := servicetest.NATS(t)
	b := servicetest.Bus(t, server, "meaning")
	items, log := wordy(time.Now().Add(-60 * time.Hour))
	fill(t, b, items, log)
	upRooms(t, server.ClientURL(), time.Now)
	search := &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SEARCH, Query: "divan", Spell: "off", Limit: 10}
	eventuallyCouches(t, b, search)

	// It says what it is by a word that no other item has, and nobody has touched it.
	fill(t, b, []shop.Item{{ID: "new", Title: "Bergen divan", Price: 12}}, nil)
	eventuallyCouches(t, b, &wire.RecallRequest{Purpose: wire.Purpose_PURPOSE_SIMILAR, ContextItems: []string{"new"}, Limit: 10})
}

// eventuallyCouches asks until nearly all that is found are couches, by their vectors.
func eventuallyCouches(t *testing.T, b *bus.Bus, request *wire.RecallRequest) {
	t.Helper()
	servicetest.Eventually(t, 30*time.Second, func() error {
		var reply wire.RecallReply
		exchange(t, b, wire.SubjectRecall, request, &reply)
		couches := 0
		for _, id := range reply.GetCandidates().AppendIDs(nil) {
			if strings.HasPrefix(string(id), "couch-") || id == "new" {
				couches++
			}
		}
		byVector := slices.ContainsFunc(reply.Stages, func(s *wire.Stage) bool { return s.Name == "recall.vector" && s.CandidatesOut > 0 })
		if couches < 9 || !byVector {
			return fmt.Errorf("%v finds %q, by vectors: %v", request, reply.GetCandidates().AppendIDs(nil), byVector)
		}
		return nil
	})
}
