// Package storetest checks that a store keeps the contract of
// [ratelimit.Store]. Whoever writes a store calls [Run] in a test.
package storetest

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// Harness is what [Run] needs to know of a store.
type Harness struct {
	// New returns an empty store. It is called once a rule; whatever has to be
	// ended is ended by t.Cleanup.
	New func(t *testing.T) ratelimit.Store
	// Advance moves the clock of the store that New returned last, by sleeping
	// in a bubble, by the clock of a stand-in, or by moving the times of all
	// buckets back.
	Advance func(d time.Duration)
	// Precision is the smallest step of the store's clock, at most a second:
	// durations may be as much longer than those of [ratelimit.Tier.Decide].
	// Default: 1 ns.
	Precision time.Duration
	// Slack is how much time may pass by itself while a rule is checked, at
	// most 10 s: on the clock of a real server. Zero fits a bubble and the
	// clock of a stand-in.
	Slack time.Duration
}

// Run checks each rule of the contract in a subtest of its own, one after the
// other. bubble runs a subtest: pass testing/synctest.Test for a store in
// memory, and nil for one that talks to somebody else. Rules about
// [ratelimit.MultiTaker], [ratelimit.Refunder] and [ratelimit.Resetter] are
// skipped for stores that are none.
//
// A store is called from up to 64 goroutines at once, with keys of up to 64 KiB.
func Run(t *testing.T, bubble func(*testing.T, func(*testing.T)), h Harness) {
	if bubble == nil {
		bubble = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	require.NotNil(t, h.New, "Harness.New")
	require.NotNil(t, h.Advance, "Harness.Advance")
	require.LessOrEqual(t, h.Precision, time.Second, "Harness.Precision")
	require.LessOrEqual(t, h.Slack, 10*time.Second, "Harness.Slack")
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { rule.check(newSubject(t, h.New(t), h)) })
		})
	}
}

type rule struct {
	name  string
	check func(*subject)
}

func rules() []rule {
	var all []rule
	for _, some := range [][]rule{takeRules(), figureRules(), tierRules(), multiRules(), returnRules(), raceRules()} {
		all = append(all, some...)
	}
	return all
}

// reporter is what rules use of a [testing.T].
type reporter interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
	Skip(args ...any)
}

// subject is a store under test.
type subject struct {
	t         reporter
	store     ratelimit.Store
	advance   func(time.Duration)
	precision time.Duration
	slack     time.Duration
}

func newSubject(t reporter, store ratelimit.Store, h Harness) *subject {
	return &subject{t: t, store: store, advance: h.Advance, precision: max(h.Precision, 1), slack: max(h.Slack, 0)}
}

func (s *subject) ctx() context.Context { return s.t.Context() }

// edge is the distance from an edge at which a rule is sure of its side.
func (s *subject) edge() time.Duration { return s.precision + s.slack }

const (
	burst    = 10
	interval = time.Minute
)

// tier is slow: its tokens stay what they are while a rule is checked.
func tier() ratelimit.Tier {
	return ratelimit.Tier{Name: "t", Rate: rate.Every(interval), Burst: burst, Limit: 5}
}

// want is what a decision should be. The rest of its fields follows from the
// tier and the cost.
type want struct {
	allowed      bool
	tokens       int
	retry, reset time.Duration
}

// take takes, and asserts the decision.
func (s *subject) take(key string, tier ratelimit.Tier, cost int, w want, hint ...any) {
	s.t.Helper()
	d, err := s.store.Take(s.ctx(), key, tier, cost)
	require.NoError(s.t, err, hint...)
	s.is(d, tier, cost, w, hint...)
}

// peek asserts how many tokens there are.
func (s *subject) peek(key string, tier ratelimit.Tier, tokens int, reset time.Duration, hint ...any) {
	s.t.Helper()
	s.take(key, tier, 0, want{true, tokens, 0, reset}, hint...)
}

// drain takes all tokens of a full bucket.
func (s *subject) drain(key string, tier ratelimit.Tier) {
	s.t.Helper()
	s.take(key, tier, tier.Burst, want{true, 0, 0, tier.Interval() * time.Duration(tier.Burst)})
}

func (s *subject) is(d ratelimit.Decision, tier ratelimit.Tier, cost int, w want, hint ...any) {
	s.t.Helper()
	limit := tier.Limit
	if limit == 0 {
		limit = tier.Burst
	}
	policy := tier.Name
	if policy == "" {
		policy = "default"
	}
	assert.Equal(s.t, w.allowed, d.Allowed, note("Allowed", hint)...)
	assert.False(s.t, d.Shadowed, note("Shadowed", hint)...)
	assert.Equal(s.t, policy, d.Policy, note("Policy", hint)...)
	assert.Equal(s.t, limit, d.Limit, note("Limit", hint)...)
	assert.Equal(s.t, tier.Burst, d.Burst, note("Burst", hint)...)
	assert.Equal(s.t, max(cost, 0), d.Cost, note("Cost", hint)...)
	assert.NotEmpty(s.t, d.Source, note("Source", hint)...)
	assert.Equal(s.t, min(d.Tokens, limit), d.Remaining, note("Remaining", hint)...)
	assert.GreaterOrEqual(s.t, d.Tokens, w.tokens, note("Tokens", hint)...)
	assert.LessOrEqual(s.t, d.Tokens, min(w.tokens+int(s.slack/tier.Interval()), tier.Burst), note("Tokens", hint)...)
	s.lasts(w.retry, d.RetryAfter, note("RetryAfter", hint)...)
	s.lasts(w.reset, d.ResetAfter, note("ResetAfter", hint)...)
}

// lasts asserts a duration that shrinks while time passes.
func (s *subject) lasts(want, got time.Duration, hint ...any) {
	s.t.Helper()
	if want <= 0 {
		assert.Equal(s.t, want, got, hint...)
		return
	}
	assert.LessOrEqual(s.t, got, want+s.precision, hint...)
	assert.GreaterOrEqual(s.t, got, max(want-s.slack, 1), hint...)
}

// note puts the name of a field before what a rule says.
func note(field string, hint []any) []any {
	if len(hint) == 0 {
		return []any{field}
	}
	if format, ok := hint[0].(string); ok {
		return append([]any{field + ": " + format}, hint[1:]...)
	}
	return hint
}

func invalidTiers() map[string]ratelimit.Tier {
	return map[string]ratelimit.Tier{
		"zero":               {},
		"no rate":            {Burst: 1},
		"negative rate":      {Rate: -1, Burst: 1},
		"NaN":                {Rate: rate.Limit(math.NaN()), Burst: 1},
		"infinity":           {Rate: rate.Limit(math.Inf(1)), Burst: 1},
		"minus infinity":     {Rate: rate.Limit(math.Inf(-1)), Burst: 1},
		"rate over 1e9":      {Rate: 2e9, Burst: 1},
		"smallest rate":      {Rate: math.SmallestNonzeroFloat64, Burst: 1},
		"no burst":           {Rate: 1},
		"negative burst":     {Rate: 1, Burst: -1},
		"over 73 years":      {Rate: 1, Burst: math.MaxInt},
		"over 73 years each": {Rate: 1e-10, Burst: 1},
		"negative limit":     {Rate: 1, Burst: 1, Limit: -1},
		"bad name":           {Name: "a\nb", Rate: 1, Burst: 1},
	}
}
