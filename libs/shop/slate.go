package shop

// Reason says why an item was offered. It is a closed set, so that it can be a bit in a message and a code in an answer.
type Reason uint8

// The reasons, in the order of their bits on the wire. Append only.
const (
	ReasonMatch    Reason = iota // the text of the query matches
	ReasonTogether               // bought or viewed together with items of the shopper or of the page
	ReasonSession                // fits what was done in this session
	ReasonTrending               // many want it now
	ReasonSimilar                // its content is like the page's item
	ReasonAgain                  // the shopper bought it before
	ReasonNew                    // it is new in the shop
	ReasonPopular                // a long-time favourite
	reasonCount
)

var reasonCodes = [reasonCount]string{"match", "bought_together", "session", "trending", "similar", "buy_again", "new", "popular"}

// Code returns the reason as it stands in an answer: "match", "bought_together" and so on.
func (r Reason) Code() string {
	if r >= reasonCount {
		return "unknown"
	}
	return reasonCodes[r]
}

// Reasons is a set of [Reason], one bit each.
type Reasons uint8

// With returns the set and r.
func (s Reasons) With(r Reason) Reasons { return s | 1<<r }

// Has reports whether r is in the set.
func (s Reasons) Has(r Reason) bool { return s&(1<<r) != 0 }

// AppendCodes appends the code of each reason of the set, in the order of the bits.
func (s Reasons) AppendCodes(codes []string) []string {
	for r := Reason(0); r < reasonCount; r++ {
		if s.Has(r) {
			codes = append(codes, reasonCodes[r])
		}
	}
	return codes
}

// Candidate is an item that recall found, before ranking.
type Candidate struct {
	Item  ItemID
	Score float32
	Why   Reasons
}

// Slate is an ordered list of candidates, best first.
type Slate []Candidate
