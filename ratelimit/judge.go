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
	err      error
	asked    bool // one of the takes below decided, or would have
	at       int  // which of takes

	// What was asked of the store, and answered: take and decision, or, unless
	// they are nil, takes and decisions.
	take      Take
	takes     []Take
	decisions []Decision
}

// decider is the take of the limit that decided. It is found again each time: a
// pointer kept in v would move v to the heap.
func (v *ruling) decider() *Take {
	if v.takes != nil {
		return &v.takes[v.at]
	}
	return &v.take
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
			v.decision.Allowed, v.decision.Shadowed, v.err = true, true, nil
		}
		if v.outcome == OutcomeDenied {
			v.outcome = OutcomeShadowed
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
	tenant := keyOf(r, l.limits[0].Key)
	if len(l.limits) == 1 {
		v.take.Cost = cost
		if l.claim(r, &l.limits[0], tenant, &v.take, v) {
			l.ask(ctx, v)
		}
		return
	}
	takes := make([]Take, len(l.limits))
	for i := range takes {
		takes[i].Cost = cost
		own := tenant
		if lim := &l.limits[i]; i > 0 && lim.Key != nil {
			own = keyOf(r, lim.Key)
		}
		if !l.claim(r, &l.limits[i], own, &takes[i], v) {
			return
		}
	}
	v.takes = takes
	l.ask(ctx, v)
}

// keyOf is empty for a request without a key, whatever the reason.
func keyOf(r *http.Request, key KeyFunc) string {
	tenant, err := key(r)
	if err != nil {
		return ""
	}
	return tenant
}

// claim finds the bucket of lim that tenant uses, and its tier. Without them it
// refuses, and returns false.
func (l *Limiter) claim(r *http.Request, lim *limit, tenant string, t *Take, v *ruling) (ok bool) {
	t.Key = JoinKey(lim.Name, tenant)
	if tenant == "" {
		v.noKey, t.Tier = true, lim.shared
		if l.cfg.OnKeyError == KeyErrorRefuse {
			v.refuse(OutcomeKeyMissing, errKeyMissing)
			return false
		}
		return true
	}
	var err error
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
	if err != nil {
		l.invalidTier(ctx, v, tier.Name, err)
	}
	return err == nil
}

func (l *Limiter) invalidTier(ctx context.Context, v *ruling, name string, err error) {
	if l.tierLog.first(name) {
		l.log(ctx, slog.LevelError, "Rate limit tier invalid", slog.String("tier", name), slog.Any("error", err))
	}
	v.refuse(OutcomeTierInvalid, err)
}

// ask decides about v.take or v.takes, whose tiers are valid. Looking them up
// may have taken long.
func (l *Limiter) ask(ctx context.Context, v *ruling) {
	if err := ctx.Err(); err != nil {
		v.refuse(OutcomeCanceled, err)
		return
	}
	if v.takes != nil && l.askSeveral(ctx, v) {
		return
	}
	v.asked = true
	if !v.decision.noBucket(&v.take.Tier, v.take.Cost) && !l.fromStore(ctx, v) {
		return
	}
	l.name(&v.decision, &v.take)
	v.outcome = v.decision.outcome()
}

// askSeveral decides about v.takes, or leaves one of them in v.take. Tiers
// without a bucket are none of the store's business: a blocked one refuses
// whatever it says, and an unlimited one has no say.
func (l *Limiter) askSeveral(ctx context.Context, v *ruling) (decided bool) {
	one, buckets := v.takes[0], v.takes[:0]
	for _, t := range v.takes {
		switch {
		case t.Tier.IsBlocked():
			v.take, v.takes = t, nil
			return false
		case !t.Tier.IsUnlimited():
			buckets = append(buckets, t)
		}
	}
	if len(buckets) < 2 {
		v.take, v.takes = append(buckets, one)[0], nil
		return false
	}
	v.takes, v.asked = buckets, true
	if !l.fromStore(ctx, v) {
		return true
	}
	for i := range v.decisions {
		l.name(&v.decisions[i], &v.takes[i])
	}
	v.at = deciding(v.decisions)
	v.decision = v.decisions[v.at]
	v.outcome = v.decision.outcome()
	return true
}

// name names the policy: the tier, or the limit where it is one of
// Config.Limits. It is not left to stores, since it goes to clients.
func (l *Limiter) name(d *Decision, t *Take) {
	d.Policy = t.Tier.policy()
	if limit, _ := SplitKey(t.Key); limit != l.cfg.Name {
		d.Policy = limit
	}
}

func (d *Decision) outcome() Outcome {
	if d.Allowed {
		return OutcomeAllowed
	}
	return OutcomeDenied
}

// deciding returns which decision a client should know: of refusals the one that
// lasts longest, else that which leaves the least.
func deciding(decisions []Decision) (at int) {
	for i := range decisions {
		if decisions[i].prevails(&decisions[at]) {
			at = i
		}
	}
	return at
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
