package sequel

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/haggle-commerce/haggle/libs/shop"
	"github.com/haggle-commerce/haggle/services/trainer/internal/corpus"
)

func logOf(visits [][]uint32) *corpus.Corpus {
	var l corpus.Log
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, items := range visits {
		for _, item := range items {
			at = at.Add(time.Second)
			l.Add(&shop.Event{
				ID: fmt.Sprint(at.Unix()), Kind: shop.ViewItem, Time: at, Session: shop.SessionID(fmt.Sprint("s", i)),
				Items: []shop.EventItem{{ID: shop.ItemID(fmt.Sprint("i", item))}},
			})
		}
	}
	return l.Corpus()
}

func TestVisitsOfALog(t *testing.T) {
	got := visitsOf(logOf([][]uint32{{5, 6, 5, 7}, {6}}))
	// The log numbers items from 1, in the order in which they come.
	if diff := cmp.Diff([][]uint32{{1, 2, 3}, {2}}, got); diff != "" {
		t.Errorf("visits (-want +got):\n%s", diff)
	}
	questions := asked(got)
	if len(questions) != 2 || questions[1].Target != 3 || !cmp.Equal(questions[1].Current, []uint32{2, 1}) {
		t.Errorf("questions %+v, want what follows 1 and what follows 1, 2", questions)
	}
}

func TestFromLog(t *testing.T) {
	if _, _, err := FromLog(logOf(chains(1, 90))); !errors.Is(err, ErrTooLittle) {
		t.Errorf("error %v, want %v", err, ErrTooLittle)
	}
	fit, valid, err := FromLog(logOf(chains(1, 4000)))
	if err != nil {
		t.Fatal(err)
	}
	if fit.Index != valid.Index || fit.Index.Len() != 3400 || len(fit.Questions) <= len(valid.Questions) || len(valid.Questions) < 400 {
		t.Errorf("%d visits give %d questions, and %d that decide", fit.Index.Len(), len(fit.Questions), len(valid.Questions))
	}
}
