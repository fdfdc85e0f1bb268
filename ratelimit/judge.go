package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

var errKeyMissing = errors.New("ratelimit: request without a key")

// ruling is what the limiter found about one request.
type ruling struct {
	decision Decision // of the limit that decided
	outcome  Outcome
	noKey    bool
	shadow   bool
	change   StoreChange
	err      error

	// What was asked of the store, and answered: take and decision, or, unless
	// they are nil, takes and decisions.
	take      Take
	takes     []Take
	decisions []Decision
}

func (v *ruling) refuse(outcome Outcome, err error) {
	v.decision, v.outcome, v.err = Decision{}, outcome, err
}

// judge decides about a request that is not skipped.
func (l *Limiter) judge(r *http.Request, v *ruling) {
	l.judgeLimits(r, v)
	if v.outcome != OutcomeCanceled && l.cfg.Shadow != nil && l.cfg.Shadow(r) {
		v.shadow = true
		if !v.decision.Allowed {
			v.decision.Allowed, v.decision.Shadowed = true, true
			v.outcome, v.err = OutcomeShadowed, nil
		}
	}
	l.report(r.Context(), v)
}

func (l *Limiter) judgeLimits(r *http.Request, v *ruling) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		v.refuse(OutcomeCanceled, err)
		return
	}
	cost := 1
	if l.cfg.Cost != nil {
		cost = max(l.cfg.Cost(r), 0)
	}
	if len(l.limits) == 1 {
		v.take.Cost = cost
		if l.claim(r, &l.limits[0], &v.take, v) {
			l.ask(ctx, v)
		}
		return
	}
	takes := make([]Take, len(l.limits))
	for i := range takes {
		takes[i].Cost = cost
		if !l.claim(r, &l.limits[i], &takes[i], v) {
			return
		}
	}
	v.takes = takes
	l.ask(ctx, v)
}

// claim finds the bucket of lim that r uses, and its tier. Without them it
// refuses, and returns false.
func (l *Limiter) claim(r *http.Request, lim *Limit, t *Take, v *ruling) bool {
	tenant, err := lim.Key(r)
	if err != nil || tenant == "" {
		v.noKey = true
		if l.cfg.OnKeyError == KeyErrorRefuse {
			v.refuse(OutcomeKeyMissing, errKeyMissing)
			return false
		}
		t.Key, t.Tier = JoinKey(lim.Name, ""), l.cfg.SharedTier
		return true
	}
	t.Key = JoinKey(lim.Name, tenant)
	if t.Tier, err = lim.Tier(r); err != nil {
		l.noTier(r.Context(), v, err)
		return false
	}
	return l.validate(r.Context(), &t.Tier, v)
}

// validate refuses an invalid tier.
func (l *Limiter) validate(ctx context.Context, tier *Tier, v *ruling) bool {
	if l.paces.known(tier) != nil {
		return true
	}
	_, err := l.paces.of(tier)
	if err == nil {
		return true
	}
	if l.tierLog.first(tier.Name) {
		l.log(ctx, slog.LevelError, "Rate limit tier invalid", slog.String("tier", tier.Name), slog.Any("error", err))
	}
	v.refuse(OutcomeTierInvalid, err)
	return false
}

// ask decides about v.take or v.takes, whose tiers are valid.
func (l *Limiter) ask(ctx context.Context, v *ruling) {
	if v.takes == nil {
		if !v.decision.noBucket(&v.take.Tier, v.take.Cost) && !l.fromStore(ctx, v) {
			return
		}
		v.decision.name(&v.take)
		v.outcome = v.decision.outcome()
		return
	}
	// Tiers without a bucket are none of the store's business: a blocked one
	// refuses whatever it says, and an unlimited one has no say.
	unlimited := v.takes[0]
	buckets := v.takes[:0]
	for _, t := range v.takes {
		switch {
		case t.Tier.IsBlocked():
			v.take, v.takes = t, nil
			l.ask(ctx, v)
			return
		case !t.Tier.IsUnlimited():
			buckets = append(buckets, t)
		}
	}
	if v.takes = buckets; len(buckets) < 2 {
		v.take, v.takes = append(buckets, unlimited)[0], nil
		l.ask(ctx, v)
		return
	}
	if !l.fromStore(ctx, v) {
		return
	}
	for i := range v.decisions {
		v.decisions[i].name(&v.takes[i])
	}
	v.decision = deciding(v.decisions)
	v.outcome = v.decision.outcome()
}

// name names the limit, or else the tier. It is not left to stores, since it
// goes to clients.
func (d *Decision) name(t *Take) {
	d.Policy = t.Tier.policy()
	if limit, _ := SplitKey(t.Key); limit != "" {
		d.Policy = limit
	}
}

func (d *Decision) outcome() Outcome {
	if d.Allowed {
		return OutcomeAllowed
	}
	return OutcomeDenied
}

// deciding returns the decision that a client should know: of refusals the one
// that lasts longest, else that which leaves the least.
func deciding(decisions []Decision) Decision {
	d := &decisions[0]
	for i := range decisions[1:] {
		if o := &decisions[i+1]; o.prevails(d) {
			d = o
		}
	}
	return *d
}

func (d *Decision) prevails(over *Decision) bool {
	switch {
	case d.Allowed != over.Allowed:
		return over.Allowed
	case !d.Allowed:
		return over.RetryAfter != Never && (d.RetryAfter == Never || d.RetryAfter > over.RetryAfter)
	case d.Remaining != over.Remaining:
		return d.Remaining < over.Remaining
	default:
		return d.Limit < over.Limit
	}
}
