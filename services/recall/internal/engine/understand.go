package engine

import (
	"slices"
	"strings"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/recall/internal/choice"
	"github.com/haggle-commerce/haggle/services/recall/internal/lexical"
	"github.com/haggle-commerce/haggle/services/recall/internal/query"
)

// read takes a query apart.
func (e *Engine) read(language, text string) []lexical.Word {
	return query.Words(e.words, e.synonyms, language, text)
}

// holding returns a function that counts the items which hold all of some words, whatever the filter.
func (q *question) holding() func([]lexical.Word) int {
	return func(words []lexical.Word) int {
		if len(words) == 0 {
			return 0
		}
		return q.engine.words.Find(&q.words, &lexical.Query{Words: words, Least: len(words), Count: true}).Total
	}
}

// spell corrects words that no item holds.
func (q *question) spell(m *matches) {
	if q.request.Spell == "off" {
		return
	}
	corrected, changed := query.Correct(q.engine.words, m.words, q.holding())
	if !changed {
		return
	}
	q.reply.CorrectedQuery = query.Text(corrected)
	if q.request.Spell != "suggest" {
		m.words = q.engine.read(q.request.Language, q.reply.CorrectedQuery)
	}
}

// doubt lets another word stand beside one that few items hold, when so few items were found that it is probably a misspelling. A query
// that the filter alone empties is not in doubt. It reports whether the words have to be searched again.
func (q *question) doubt(m *matches, found int) (again bool) {
	if q.request.Spell == "off" || q.reply.CorrectedQuery != "" || (found > 0 && !q.selection.All()) {
		return false
	}
	holding := q.holding()
	doubted, meant, ok := query.Doubt(q.engine.words, m.words, func(words []lexical.Word) int {
		again = true
		return holding(words)
	})
	if !ok {
		return again
	}
	q.reply.CorrectedQuery = query.Text(meant)
	if q.request.Spell != "suggest" {
		m.words = doubted
	}
	return again
}

// expansion says what was looked for when not all words had to be there: those that any item holds, all of them if the others are
// what was missing, else any.
func (q *question) expansion(m *matches) string {
	known := make([]string, 0, len(m.words))
	for _, w := range m.words {
		if !w.Optional && query.Known(q.engine.words, w) {
			known = append(known, w.Text)
		}
	}
	if m.least == len(known) {
		return strings.Join(known, " ")
	}
	return strings.Join(known, " OR ")
}

// understood reports whether items hold all words of a query that matter.
func (e *Engine) understood(text string) bool {
	return !slices.ContainsFunc(e.read("", text), func(w lexical.Word) bool { return !w.Optional && !query.Known(e.words, w) })
}

func requiredOf(words []lexical.Word) int {
	n := 0
	for _, w := range words {
		if !w.Optional {
			n++
		}
	}
	return n
}

// choosing is how much each deed says of what was chosen for a query.
var choosing = map[shop.EventKind]float64{shop.SelectItem: 1, shop.ViewItem: 1, shop.AddToCart: 2, shop.Purchase: 3}

// observeChoice counts what a shopper did with the items of a search. A known shopper counts, else a session.
func (e *Engine) observeChoice(event *shop.Event) {
	weight := choosing[event.Kind]
	if weight == 0 || event.SearchTerm == "" {
		return
	}
	chooser := string(event.Shopper)
	if chooser == "" {
		chooser = string(event.Session)
	}
	if chooser == "" {
		return
	}
	key := choice.Key(event.SearchTerm)
	for i := range event.Items {
		if s, ok := e.slotOf(event.Items[i].ID); ok {
			e.choices.Add(choice.Choice{
				Query: key, Chooser: hashOf(chooser), Item: s, Place: event.Items[i].Index, Weight: weight, At: event.Time,
			})
		}
	}
}
