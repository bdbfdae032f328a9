package gateway

import (
	"github.com/haggle-commerce/haggle/libs/wire"
	"github.com/haggle-commerce/haggle/services/gateway/internal/budget"
)

// allowances are what recall may spend, as they stand in a request, by degree of thrift and whether likeness is the point.
type allowances [budget.Meagre + 1][2]struct {
	quotas []*wire.Quota
	micros uint32
}

func newAllowances() (all allowances) {
	for degree := range all {
		for i, likeness := range []bool{false, true} {
			a := budget.Allow(budget.Thrift(degree), likeness)
			all[degree][i].micros = uint32(a.CPU.Microseconds())
			for _, q := range a.Quotas {
				all[degree][i].quotas = append(all[degree][i].quotas, &wire.Quota{Channel: q.Channel, Candidates: uint32(q.Candidates)})
			}
		}
	}
	return all
}

// apply writes into a request what recall may spend on it. The quotas are shared: nobody may change them.
func (a *allowances) apply(request *wire.RecallRequest, t budget.Thrift) {
	of := &a[t][0]
	if request.Purpose == wire.Purpose_PURPOSE_SIMILAR {
		of = &a[t][1]
	}
	request.Quotas, request.CpuBudgetMicros = of.quotas, of.micros
}
