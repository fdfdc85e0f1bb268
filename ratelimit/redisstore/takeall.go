package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/bracework/bracework/ratelimit"
)

// TakeAll implements [ratelimit.MultiTaker]. It makes one call per tenant.
//
// When a take is known to be refused, nothing is taken. The others are then
// reported, with [SourceDenyCache], as Redis found them within the last second,
// and Redis is asked only about tenants of whom that is not known.
//
// Tokens that go back because another tenant's take was refused, or failed, are
// refunded also when ctx is done, by a call that TakeAll does not wait for past
// the timeout and that gets another timeout of its own.
func (s *Store) TakeAll(ctx context.Context, takes []ratelimit.Take) ([]ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := combined{store: s, takes: make([]take, len(takes))}
	for i, t := range takes {
		if err := c.add(i, t); err != nil {
			return nil, err
		}
	}
	bounded, cancel := s.bounded(ctx)
	defer cancel()
	if err := c.run(bounded); err != nil {
		return nil, ofCaller(ctx, err)
	}
	decisions := make([]ratelimit.Decision, len(takes))
	for i := range c.takes {
		decisions[i] = c.takes[i].decision
	}
	return decisions, nil
}

// combined is one TakeAll.
type combined struct {
	store   *Store
	takes   []take
	groups  [][]*take // by tenant, in the order of their first takes
	tags    []string  // of the groups
	refused bool
}

// add decides a take whose tier has no bucket, and groups the others.
func (c *combined) add(i int, in ratelimit.Take) (err error) {
	t := &c.takes[i]
	if *t, err = c.store.newTake(in.Key, in.Tier, in.Cost); err != nil {
		return err
	}
	if d, ok := in.Tier.NoBucket(in.Cost); ok {
		t.decision = d
		c.refused = c.refused || !d.Allowed
		return nil
	}
	var tag string
	t.name, tag = c.store.names(in.Key)
	for g := range c.tags {
		if c.tags[g] == tag {
			c.groups[g] = append(c.groups[g], t)
			return nil
		}
	}
	c.groups, c.tags = append(c.groups, []*take{t}), append(c.tags, tag)
	return nil
}

// run takes group by group. After a refusal it only asks, and only about groups
// that are not known.
func (c *combined) run(ctx context.Context) error {
	known := make([]bool, len(c.groups))
	for i, group := range c.groups {
		var refused bool
		known[i], refused = c.store.recall(group)
		c.refused = c.refused || refused
	}
	for i, group := range c.groups {
		if c.refused {
			if known[i] {
				continue
			}
			if _, err := c.store.ask(ctx, group, false); err != nil {
				return err
			}
			continue
		}
		admitted, err := c.store.ask(ctx, group, true)
		if err != nil || !admitted {
			c.refused = true
			c.giveBack(ctx, c.groups[:i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recall decides takes of one tenant by memory, as a call that takes nothing. It
// reports whether all of their buckets are known, and whether a take is then
// refused. Takes of one key count those before them, which memory does not.
func (s *Store) recall(group []*take) (known, refused bool) {
	for i, t := range group {
		refused = s.remembered(t) || refused
		if !t.known || slices.ContainsFunc(group[:i], func(before *take) bool { return before.hash == t.hash }) {
			return false, false
		}
		if t.decision.Allowed {
			t.decision = t.untaken(SourceDenyCache)
		}
	}
	return true, refused
}

// giveBack refunds groups that were taken, and waits for that until ctx is done.
func (c *combined) giveBack(ctx context.Context, groups [][]*take) {
	if len(groups) == 0 {
		return
	}
	s, done := c.store, make(chan struct{})
	go func() {
		defer close(done)
		timeout := s.timeout
		if timeout < 0 {
			timeout = time.Second
		}
		refunds, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), timeout, s.errTimeout)
		defer cancel()
		for _, group := range groups {
			_ = s.giveBack(refunds, group) // what does not come back refills
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	for _, group := range groups {
		for _, t := range group {
			t.decision = t.untaken(SourceRedis)
		}
	}
}
