package redisstore

import (
	"context"
	"time"

	"github.com/bracework/bracework/ratelimit"
)

// take is one take on its way.
type take struct {
	shape    shape
	key      string // as the caller gave it
	name     string // in Redis, once it was needed
	hash     uint64 // of key, for the denials
	cost     int    // not negative
	decision ratelimit.Decision
	before   time.Duration // debt of the bucket before all takes of the call
	known    bool          // before is from memory

	asked      time.Duration // on the store's own clock, before the call was sent
	generation uint32        // of the denials, then
}

// newTake fails for an invalid tier. There is no shape where the tier has no
// bucket.
func (s *Store) newTake(key string, tier ratelimit.Tier, cost int) (take, error) {
	t := take{key: key, cost: max(cost, 0)}
	if _, ok := tier.NoBucket(cost); ok {
		return t, tier.Validate()
	}
	var err error
	t.shape, err = shapeOf(tier)
	t.hash = s.denials.hash(key)
	return t, err
}

// decide is the decision of the tier, on a debt.
func (t *take) decide(debt time.Duration, src ratelimit.Source) ratelimit.Decision {
	d := t.shape.decide(debt, t.cost)
	d.Source = src
	return d
}

// untaken is the decision about tokens that could have been taken and were not.
func (t *take) untaken(src ratelimit.Source) ratelimit.Decision {
	d := t.shape.decide(t.before, 0)
	d.Cost, d.Source = t.cost, src
	return d
}

// remembered decides the take by what is remembered of its bucket, and reports
// whether that is a refusal, which Redis would repeat. After a call that failed
// nothing is remembered until one succeeds: answers from here would look as if
// Redis worked.
func (s *Store) remembered(t *take) bool {
	if s.failing.Load() {
		return false
	}
	t.before, t.known = s.denials.debt(t.hash, &t.shape, s.now())
	if !t.known {
		return false
	}
	t.decision = t.decide(t.before, SourceDenyCache)
	return !t.decision.Allowed
}

// ask lets Redis decide about takes of one tenant, which have a bucket, and
// reports whether all are admitted. Unless commit is set nothing is taken.
func (s *Store) ask(ctx context.Context, takes []*take, commit bool) (bool, error) {
	keys, args := make([]string, len(takes)), make([]any, 1, 1+3*len(takes))
	args[0] = 0
	if commit {
		args[0] = 1
	}
	for i, t := range takes {
		keys[i] = s.name(t)
		args = append(args, t.shape.amount(t.cost), t.shape.tau, t.shape.grain)
		t.asked, t.generation = s.now(), s.denials.generation(t.hash)
	}
	numbers, err := s.call(ctx, s.take, keys, args)
	if err != nil {
		return false, err
	}
	if len(numbers) != 1+2*len(takes) {
		return false, errAnswer
	}
	admitted := true
	for i, t := range takes {
		found, before := numbers[1+2*i], numbers[2+2*i]
		if min(found, before) < 0 || max(found, before) > t.shape.tau {
			return false, errAnswer
		}
		t.before = t.shape.duration(before)
		t.decision = t.decide(t.shape.duration(found), SourceRedis)
		admitted = admitted && t.decision.Allowed
	}
	if admitted != (numbers[0] == 1) {
		return false, errAnswer
	}
	for _, t := range takes {
		switch {
		case admitted && commit:
			if t.cost > 0 {
				s.denials.forget(t.hash)
			}
			continue
		case t.decision.Allowed:
			t.decision = t.untaken(SourceRedis)
		}
		s.denials.put(t.hash, &t.shape, t.before, t.asked, t.generation)
	}
	return admitted, nil
}

// giveBack refunds takes of one tenant.
func (s *Store) giveBack(ctx context.Context, takes []*take) error {
	keys, args := make([]string, len(takes)), make([]any, 0, 3*len(takes))
	for i, t := range takes {
		keys[i] = s.name(t)
		args = append(args, t.shape.amount(t.cost), t.shape.tau, t.shape.grain)
	}
	_, err := s.call(ctx, s.refund, keys, args)
	for _, t := range takes {
		s.denials.returned(t.hash) // also after an error: it may have been done
	}
	return err
}
