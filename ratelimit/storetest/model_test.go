package storetest

import (
	"context"
	"maps"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/bracework/bracework/ratelimit"
)

// model is a store that keeps the contract, unless fault names what it does
// wrong.
type model struct {
	fault string

	mu      sync.Mutex
	now     time.Duration
	buckets map[string]level
}

type level struct{ full, tau time.Duration }

const sourceModel ratelimit.Source = "model"

func newModel(fault string) *model { return &model{fault: fault, buckets: map[string]level{}} }

func (m *model) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += d
}

func (m *model) is(fault string) bool { return m.fault == fault }

// name is what a bucket is found by.
func (m *model) name(key string, tier ratelimit.Tier) string {
	switch m.fault {
	case "folds case":
		return strings.ToLower(key)
	case "cuts long keys":
		return key[:min(len(key), 1024)]
	case "cuts at NUL":
		key, _, _ = strings.Cut(key, "\x00")
	case "forgets the name of the limit":
		_, key = ratelimit.SplitKey(key)
	case "has a bucket per tier":
		return tier.String() + key
	}
	return key
}

func (m *model) debt(key string, tier ratelimit.Tier) (debt time.Duration, changed bool) {
	b, ok := m.buckets[m.name(key, tier)]
	if !ok {
		return 0, false
	}
	tau := tauOf(tier)
	debt = b.full - m.now
	if !m.is("refills beyond full") && !m.is("refunds beyond full") {
		debt = max(debt, 0)
	}
	switch {
	case b.tau == tau || debt <= 0:
		return debt, false
	case m.is("keeps the wait over a change"):
		return min(debt, tau), true
	case m.is("fills the bucket at a change"):
		return 0, true
	}
	product := new(big.Int).Mul(big.NewInt(int64(debt)), big.NewInt(int64(tau)))
	quotient, rest := product.QuoRem(product, big.NewInt(int64(b.tau)), new(big.Int))
	if m.is("rounds a change down to a second") {
		return time.Duration(quotient.Int64()).Truncate(time.Second), true
	}
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return time.Duration(quotient.Int64()), true
}

func tauOf(tier ratelimit.Tier) time.Duration { return tier.Interval() * time.Duration(tier.Burst) }

func (m *model) put(key string, tier ratelimit.Tier, debt time.Duration) {
	m.buckets[m.name(key, tier)] = level{m.now + debt, tauOf(tier)}
}

func (m *model) decide(tier ratelimit.Tier, debt time.Duration, cost int) ratelimit.Decision {
	d := tier.Decide(debt, cost)
	d.Source = sourceModel
	if m.is("waits whole seconds") {
		d.RetryAfter = d.RetryAfter.Truncate(time.Second)
	}
	if m.is("names a wait for what is never admitted") && cost > tier.Burst {
		d.RetryAfter = time.Hour
	}
	if m.is("ignores Limit") {
		d.Remaining = d.Tokens
	}
	return d
}

func (m *model) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	if err := tier.Validate(); err != nil {
		if m.is("admits invalid tiers") {
			return ratelimit.Decision{Allowed: true}, nil
		}
		return ratelimit.Decision{}, err
	}
	if m.is("takes and then looks at the context") {
		defer func() { ctx = nil }()
	} else if ctx.Err() != nil {
		return ratelimit.Decision{}, ctx.Err()
	}
	if cost < 0 && m.is("adds negative costs") {
		m.refund(key, tier, -max(cost, -1000))
	}
	if d, ok := tier.NoBucket(cost); ok && (tier.IsUnlimited() || !m.is("has no blocked tiers")) {
		return d, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	debt, changed := m.debt(key, tier)
	if m.is("decides without a lock") {
		m.mu.Unlock()
		runtime.Gosched()
		m.mu.Lock()
	}
	d := m.decide(tier, debt, cost)
	switch {
	case debt < 0: // a fault: more than full
		m.put(key, tier, debt+time.Duration(cost)*tier.Interval())
	case cost <= 0 && (!changed || !m.is("keeps the change of a peek")), !d.Allowed && changed && m.is("forgets the change of a refusal"):
	case d.Allowed, changed:
		m.put(key, tier, d.ResetAfter)
	case m.is("charges refusals"):
		m.put(key, tier, debt+tier.Interval())
	}
	return d, ctx.Err()
}

func (m *model) TakeAll(ctx context.Context, takes []ratelimit.Take) ([]ratelimit.Decision, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if m.is("takes one after the other") {
		var all []ratelimit.Decision
		for _, t := range takes {
			d, err := m.Take(ctx, t.Key, t.Tier, t.Cost)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
		return all, nil
	}
	for _, t := range takes {
		if err := t.Tier.Validate(); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	saved := maps.Clone(m.buckets)
	decisions, refused := make([]ratelimit.Decision, len(takes)), false
	for i, t := range takes {
		d, ok := t.Tier.NoBucket(t.Cost)
		if !ok {
			debt, _ := m.debt(t.Key, t.Tier)
			if m.is("decides takes of one key apart") {
				if b, ok := saved[t.Key]; ok {
					debt = max(b.full-m.now, 0)
				} else {
					debt = 0
				}
			}
			if d = m.decide(t.Tier, debt, t.Cost); d.Allowed && t.Cost > 0 {
				m.put(t.Key, t.Tier, d.ResetAfter)
			}
		}
		decisions[i] = d
		refused = refused || !d.Allowed
	}
	if refused {
		m.buckets = saved
		for i, t := range takes {
			if _, ok := t.Tier.NoBucket(t.Cost); ok {
				continue
			}
			debt, changed := m.debt(t.Key, t.Tier)
			if changed && t.Cost > 0 {
				m.put(t.Key, t.Tier, debt)
			}
			if decisions[i].Allowed && !m.is("counts what it gave back") {
				decisions[i] = m.decide(t.Tier, debt, 0)
				decisions[i].Cost = max(t.Cost, 0)
			}
		}
	}
	if m.is("reverses the decisions") {
		for i := range len(decisions) / 2 {
			decisions[i], decisions[len(decisions)-1-i] = decisions[len(decisions)-1-i], decisions[i]
		}
	}
	return decisions, nil
}

func (m *model) Refund(_ context.Context, key string, tier ratelimit.Tier, cost int) error {
	if cost < 1 && !m.is("refunds negative costs") {
		return nil
	}
	if _, ok := tier.NoBucket(cost); ok {
		return nil
	}
	m.refund(key, tier, max(min(cost, tier.Burst), -tier.Burst))
	return nil
}

func (m *model) refund(key string, tier ratelimit.Tier, cost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	debt, _ := m.debt(key, tier)
	debt -= time.Duration(cost) * tier.Interval()
	if debt <= 0 && !m.is("refunds beyond full") {
		delete(m.buckets, m.name(key, tier))
		return
	}
	m.put(key, tier, debt)
}

func (m *model) Reset(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.is("resets all") {
		clear(m.buckets)
	}
	if !m.is("resets nothing") {
		delete(m.buckets, m.name(key, ratelimit.Tier{}))
	}
	return nil
}
