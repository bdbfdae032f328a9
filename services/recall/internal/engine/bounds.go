package engine

import (
	"time"

	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/recall/internal/blend"
)

// bounds are what the asker lets recall spend on one answer: the most candidates of each channel, and the CPU time after which no
// further channel is begun. A channel under way is not cut off: the dearest takes some hundred microseconds.
type bounds struct {
	quotas [blend.ChannelCount]int
	cpu    time.Duration
}

// boundsOf reads the bounds of a request. What it does not bound may offer limit. A channel that is not known is passed over: the
// asker may be newer.
func boundsOf(request *wire.RecallRequest, limit int) bounds {
	b := bounds{cpu: time.Duration(request.CpuBudgetMicros) * time.Microsecond}
	for ch := range b.quotas {
		b.quotas[ch] = limit
	}
	for _, quota := range request.Quotas {
		if ch, ok := blend.ChannelOf(quota.GetChannel()); ok {
			b.quotas[ch] = min(limit, int(quota.GetCandidates()))
		}
	}
	return b
}

// spent reports whether the CPU time is used up. It is that of the stages so far, so nothing is ever spent where stages are not
// measured: there the quotas are the bound.
func (q *question) spent() bool { return q.bounds.cpu > 0 && q.used >= q.bounds.cpu }

// may returns how many candidates a channel of the given weight may offer; false when it is to be left out. The reply names a
// channel that was only left out to save.
func (q *question) may(ch blend.Channel, weight float32) (most int, ok bool) {
	switch {
	case weight == 0:
		return 0, false
	case q.bounds.quotas[ch] == 0:
		q.degrade(ch, "quota")
		return 0, false
	case q.spent():
		q.degrade(ch, "budget")
		return 0, false
	}
	return q.bounds.quotas[ch], true
}
