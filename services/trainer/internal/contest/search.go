package contest

import "context"

const (
	// longest is how long rows are while settings are compared.
	longest = 1000
	// firstPool is for how many items regressions are solved while their other figures are chosen, mostPool for how many at most.
	firstPool, mostPool = 64, 512
	// rank is how long vectors of ALS are; singular vectors, which are cheaper to find, are twice as many.
	rank = 64
)

// quick are the axes along which a move costs next to nothing.
func quick() []axis { return []axis{target(0.125), source(0.125)} }

// run tries all families.
func (t *trial) run(ctx context.Context) error {
	near, err := t.neighbours(ctx)
	if err != nil {
		return err
	}
	best, err := t.regressions(ctx, near)
	if err != nil {
		return err
	}
	if best, err = t.join(ctx, best, near); err != nil {
		return err
	}
	if t.options.Vectors {
		if err := t.vectors(ctx, best); err != nil {
			return err
		}
	}
	return t.shorten(ctx)
}

// neighbours tries nearest neighbours. The start is near what did well on Gowalla and on MovieLens.
func (t *trial) neighbours(ctx context.Context) (int, error) {
	at, err := t.try(ctx, Setting{Family: Neighbours, User: 0.5, Source: 0.75, Target: 0.375, Keep: longest})
	if err == nil {
		at, err = t.climb(ctx, at, 2, quick(), nil)
	}
	if err == nil {
		at, err = t.climb(ctx, at, 1, []axis{user(0.25)}, quick())
	}
	if err != nil {
		return 0, err
	}
	shrunk := t.entries[at].Setting
	shrunk.Shrinkage = 1
	if !t.affords(shrunk) {
		return at, nil
	}
	next, err := t.try(ctx, shrunk)
	if err != nil || t.entries[next].quality() <= t.entries[at].quality() {
		return at, err
	}
	return t.climb(ctx, next, 1, []axis{shrinkage(3)}, nil)
}

// regressions tries regressions: pruned ones, and the closed form where the catalogue is small. It returns the best of them, or
// where the budget has no room for any.
func (t *trial) regressions(ctx context.Context, near int) (int, error) {
	at := near
	s := Setting{Family: Ridge, User: 0.25, Item: 0.5, Source: 0.5, Target: 0.5, Penalty: 4, Pool: firstPool, Keep: longest}
	slow := []axis{penalty(2.5), item(0.125), user(0.25)}
	if t.affords(s) {
		next, err := t.try(ctx, s)
		if err == nil {
			next, err = t.climb(ctx, next, 1, quick(), nil)
		}
		if err == nil {
			next, err = t.climb(ctx, next, 2, slow, quick())
		}
		if err == nil {
			next, err = t.widen(ctx, next)
		}
		if err != nil {
			return 0, err
		}
		at, s = next, t.entries[next].Setting
	}
	s.Family, s.Pool = Dense, 0
	if t.matrix.Items() > denseItems || !t.affords(s) {
		return at, nil
	}
	next, err := t.try(ctx, s)
	if err == nil {
		next, err = t.climb(ctx, next, 2, slow, quick())
	}
	if err == nil && t.entries[next].quality() > t.entries[at].quality() {
		at = next
	}
	return at, err
}

// widen solves the regression for larger pools, as long as that makes it better.
func (t *trial) widen(ctx context.Context, at int) (int, error) {
	for pool := 2 * firstPool; pool <= mostPool; pool *= 2 {
		s := t.entries[at].Setting
		s.Pool = pool
		if !t.affords(s) {
			break
		}
		next, err := t.try(ctx, s)
		if err == nil {
			next, err = t.climb(ctx, next, 1, quick(), nil)
		}
		if err != nil {
			return 0, err
		}
		if t.entries[next].quality() <= t.entries[at].quality() {
			break
		}
		at = next
	}
	return at, nil
}

// join tries to join the lists of neighbours to those of a regression, and returns the better.
func (t *trial) join(ctx context.Context, at, near int) (int, error) {
	members := t.entries[at].Setting
	for _, share := range []float64{0.25, 0.5, 1} {
		s := members.with(t.entries[near].Setting, share)
		if members.Family == Neighbours || !t.affords(s) {
			break
		}
		next, err := t.try(ctx, s)
		if err != nil {
			return 0, err
		}
		if t.entries[next].quality() <= t.entries[at].quality() {
			break
		}
		at = next
	}
	return at, nil
}

// vectors tries models of vectors, alone and beside the best lists.
func (t *trial) vectors(ctx context.Context, lists int) error {
	for _, member := range []struct {
		start Setting
		axes  []axis
	}{
		{Setting{Family: ALS, Rank: rank, Unobserved: 0.1, Penalty: 0.01}, []axis{penalty(3), unobserved(3)}},
		{Setting{Family: Spectral, User: 0.5, Item: 0.5, Source: 0.5, Target: 0.5, Penalty: 0.1, Rank: 2 * rank}, []axis{target(0.25)}},
	} {
		if !t.affords(member.start, t.entries[lists].Setting.with(member.start, 1)) {
			continue
		}
		at, err := t.try(ctx, member.start)
		if err == nil {
			at, err = t.climb(ctx, at, 1, member.axes, nil)
		}
		if err == nil {
			err = t.beside(ctx, lists, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// beside tries vectors beside lists, as long as more of them makes the blend better. Both are learnt once for all shares.
func (t *trial) beside(ctx context.Context, lists, at int) error {
	own, other := t.entries[lists].Setting, t.entries[at].Setting
	if !t.affords(own, other) {
		return nil
	}
	t.tell(own.with(other, 1))
	t.spent += t.estimate(own) + t.estimate(other)
	a, err := t.fit(ctx, own)
	if err != nil {
		return err
	}
	b, err := t.fit(ctx, other)
	if err != nil {
		return err
	}
	best := t.entries[lists].quality()
	for _, share := range []float64{0.15, 0.3, 0.6, 1.2} {
		next, err := t.judge(ctx, own.with(other, share), join(a, b, share, 0))
		if err != nil {
			return err
		}
		if t.entries[next].quality() <= best {
			break
		}
		best = t.entries[next].quality()
	}
	return nil
}

// shorten tries the best lists with shorter rows, and what stands beside them too.
func (t *trial) shorten(ctx context.Context) error {
	best := -1
	for i := range t.entries {
		e := &t.entries[i]
		if !e.Setting.Family.vectors() && (best < 0 || e.quality() > t.entries[best].quality()) {
			best = i
		}
	}
	for _, keep := range []int{500, 250, 125, 64} {
		if _, err := t.try(ctx, t.entries[best].Setting.Short(keep)); err != nil {
			return err
		}
	}
	return nil
}

// Short returns the setting with rows of keep entries.
func (s Setting) Short(keep int) Setting {
	if s.Keep > 0 {
		s.Keep = keep
	}
	if s.Beside != nil {
		rest := s.Beside.Short(keep)
		s.Beside = &rest
	}
	return s
}
