package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// recorder is a reporter that keeps what it is told.
type recorder struct {
	ctx context.Context //nolint:containedctx // that of the test

	mu       sync.Mutex
	failures []string
	skipped  bool
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Skip(...any) {
	r.skipped = true
	runtime.Goexit()
}

// observe checks one rule of a store and returns what the rule reports.
func observe(t *testing.T, name string, store ratelimit.Store, h Harness) *recorder {
	t.Helper()
	for _, r := range rules() {
		if r.name != name {
			continue
		}
		rec := &recorder{ctx: t.Context()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.check(newSubject(rec, store, h))
		}()
		<-done
		return rec
	}
	require.Fail(t, "No such rule", name)
	return nil
}

func TestModelKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			m := newModel("")
			rec := observe(t, r.name, m, Harness{Advance: m.advance})
			assert.False(t, rec.skipped)
			assert.Empty(t, rec.failures)
		})
	}
}

func TestBrokenStoresAreCaught(t *testing.T) {
	t.Parallel()
	for fault, rules := range map[string][]string{
		"charges refusals":                        {"a refusal takes nothing"},
		"waits whole seconds":                     {"RetryAfter is exact"},
		"refills beyond full":                     {"a bucket never gets fuller than full"},
		"names a wait for what is never admitted": {"a cost above the burst is refused for good"},
		"adds negative costs":                     {"a negative cost is a peek"},
		"ignores Limit":                           {"a new bucket is full"},
		"folds case":                              {"keys do not meet", "Reset makes a bucket full, and no other"},
		"cuts long keys":                          {"keys do not meet"},
		"cuts at NUL":                             {"keys do not meet"},
		"forgets the name of the limit":           {"keys do not meet"},
		"admits invalid tiers":                    {"an invalid tier is an error and takes nothing"},
		"takes and then looks at the context":     {"a call whose context is done decides or fails"},
		"has no blocked tiers":                    {"a blocked tier refuses without a bucket"},
		"has a bucket per tier":                   {"an empty bucket stays empty, a full one full", "a crowd of two tiers is admitted one bucket"},
		"keeps the wait over a change":            {"a change of tier keeps the used half"},
		"fills the bucket at a change":            {"an empty bucket stays empty, a full one full", "a refusal keeps the change"},
		"rounds a change down to a second":        {"changing to and fro gains nothing"},
		"keeps the change of a peek":              {"a peek keeps no change"},
		"forgets the change of a refusal":         {"a refusal keeps the change"},
		"decides without a lock":                  {"a crowd is admitted exactly the burst, and each sees another number of tokens"},
		"takes one after the other":               {"TakeAll takes nothing when one of the takes is refused", "TakeAll of a crowd takes all or nothing"},
		"counts what it gave back":                {"TakeAll takes nothing when one of the takes is refused"},
		"decides takes of one key apart":          {"TakeAll decides takes of one key one after the other"},
		"reverses the decisions":                  {"TakeAll takes all in the order of the takes"},
		"refunds beyond full":                     {"Refund makes a bucket no fuller than full", "Refund to a bucket that does not exist does nothing"},
		"refunds negative costs":                  {"Refund of less than a token does nothing"},
		"resets all":                              {"Reset makes a bucket full, and no other"},
		"resets nothing":                          {"Reset makes a bucket full, and no other"},
	} {
		for _, rule := range rules {
			t.Run(fault+"/"+rule, func(t *testing.T) {
				t.Parallel()
				m := newModel(fault)
				rec := observe(t, rule, m, Harness{Advance: m.advance})
				require.False(t, rec.skipped)
				assert.NotEmpty(t, rec.failures)
			})
		}
	}
}

// plain is a store without the optional methods.
type plain struct{ ratelimit.Store }

func TestOptionalRulesAreSkipped(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"TakeAll of nothing is nothing", "Refund gives tokens back", "Reset of a bucket that does not exist does nothing",
		"TakeAll of a crowd takes all or nothing", "refunds of a crowd add up",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			m := newModel("")
			rec := observe(t, rule, plain{m}, Harness{Advance: m.advance})
			assert.True(t, rec.skipped)
			assert.Empty(t, rec.failures)
		})
	}
}
