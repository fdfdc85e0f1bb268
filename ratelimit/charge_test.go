package ratelimit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// What a request costs in the end, whatever it had to pay before.
func TestCharge(t *testing.T) {
	t.Parallel()
	tier := ratelimit.Per("ten", 10, time.Hour)
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	fixed := func(n int) ratelimit.ChargeFunc { return func(int, *http.Request) int { return n } }
	not5xx := func(status int, _ *http.Request) int { return map[bool]int{true: 0, false: 1}[status >= 500] }
	only401 := func(status int, _ *http.Request) int {
		return map[bool]int{true: 1, false: 0}[status == http.StatusUnauthorized]
	}
	tests := []struct {
		name    string
		cost    int
		charge  ratelimit.ChargeFunc
		handler http.HandlerFunc
		left    int
	}{
		{"as much as before", 1, fixed(1), answer(200), 9},
		{"refund on 5xx", 1, not5xx, answer(503), 10},
		{"no refund on 2xx", 1, not5xx, answer(204), 9},
		{"failed login", 1, only401, answer(401), 9},
		{"successful login", 1, only401, answer(200), 10},
		{"a handler that says nothing is 200", 1, only401, func(http.ResponseWriter, *http.Request) {}, 10},
		{"a body is 200", 1, not5xx, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 9},
		{"interim responses do not count", 1, not5xx, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusBadGateway)
		}, 10},
		{"part of the cost", 5, fixed(2), answer(200), 8},
		{"more than the cost", 1, fixed(4), answer(200), 6},
		{"more than there is", 1, fixed(50), answer(200), 0},
		{"negative is nothing", 3, fixed(-7), answer(200), 10},
		{"nothing before, all after", 0, fixed(3), answer(200), 7},
		{"a panic is 500", 1, not5xx, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 10},
		{"a panic after the header is what was sent", 1, not5xx, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		}, 9},
	}
	for name, newStore := range stores() {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					store := newStore()
					lim := limiterOn(t, store, tier, ratelimit.Config{
						Cost: func(*http.Request) int { return tt.cost }, Charge: tt.charge,
						Limits: []ratelimit.Limit{{Name: "second", Tier: ratelimit.Fixed(tier)}},
					})
					func() {
						defer func() { _ = recover() }()
						do(lim.Handler(tt.handler), "acme")
					}()
					assert.Equal(t, tt.left, take(t, store, "acme", tier, 0).Tokens)
					assert.Equal(t, tt.left, take(t, store, ratelimit.JoinKey("second", "acme"), tier, 0).Tokens, "of each limit")
				})
			})
		}
	}
}

// The client that hangs up gets what is due all the same.
func TestChargeAfterDisconnect(t *testing.T) {
	t.Parallel()
	store, tier := newStore(), ratelimit.Per("ten", 10, time.Hour)
	lim := limiterOn(t, ctxStore{store}, tier, ratelimit.Config{Charge: func(int, *http.Request) int { return 0 }})
	ctx, cancel := context.WithCancel(t.Context())
	h := lim.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	h.ServeHTTP(httptest.NewRecorder(), request("acme").WithContext(ctx))
	assert.Equal(t, 10, take(t, store, "acme", tier, 0).Tokens)
}

// ctxStore looks at its context, as remote stores do.
type ctxStore struct{ *ratelimit.MemoryStore }

func (s ctxStore) Refund(ctx context.Context, key string, tier ratelimit.Tier, cost int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.MemoryStore.Refund(ctx, key, tier, cost)
}

// Nothing was taken, so nothing comes back.
func TestChargeOfShadowedRefusal(t *testing.T) {
	t.Parallel()
	store, tier := newStore(), ratelimit.Per("one", 1, time.Hour)
	lim := limiterOn(t, store, tier, ratelimit.Config{
		Shadow: func(*http.Request) bool { return true },
		Charge: func(int, *http.Request) int { return 0 },
	})
	take(t, store, "acme", tier, 1)
	assert.Equal(t, 200, do(lim.Handler(hello), "acme").Code)
	assert.Zero(t, take(t, store, "acme", tier, 0).Tokens)
}

// While the store is down, refunds go where the tokens came from.
func TestChargeInOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		store.set(down)
		lim := limiterOn(t, store, ratelimit.Per("one", 1, time.Hour), ratelimit.Config{
			Charge: func(status int, _ *http.Request) int { return status / 500 },
		})
		h := lim.Handler(hello)
		for range 10 {
			require.Equal(t, http.StatusOK, do(h, "acme").Code)
		}
		failing := lim.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
		require.Equal(t, 500, do(failing, "acme").Code)
		assert.Equal(t, http.StatusTooManyRequests, do(h, "acme").Code)
	})
}

func TestSettle(t *testing.T) {
	t.Parallel()
	lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{Name: "jobs"})
	tier := ratelimit.Per("ten", 10, time.Hour)
	takeN := func(key string, n int) ratelimit.Decision { return must(lim.Take(t.Context(), key, tier, n)) }
	settle := func(key string, d ratelimit.Decision, charge int) {
		require.NoError(t, lim.Settle(t.Context(), key, tier, d, charge))
	}
	d := takeN("acme", 6)
	settle("acme", d, 4)
	assert.Equal(t, 6, takeN("acme", 0).Tokens, "the rest is back")
	settle("acme", takeN("acme", 1), 3)
	assert.Equal(t, 3, takeN("acme", 0).Tokens, "more is taken")
	settle("acme", takeN("acme", 1), 50)
	assert.Equal(t, 0, takeN("acme", 0).Tokens, "as far as there is")
	settle("acme", takeN("acme", 1), 0)
	assert.Equal(t, 0, takeN("acme", 0).Tokens, "a refusal has taken nothing")
	settle("acme", ratelimit.Decision{Allowed: true, Shadowed: true, Cost: 5}, 0)
	settle("acme", ratelimit.Decision{Allowed: true, Cost: 5, Source: ratelimit.SourceBypass}, 0)
	assert.Equal(t, 0, takeN("acme", 0).Tokens, "nor have these")
	settle("acme", d, -7)
	assert.Equal(t, 6, takeN("acme", 0).Tokens, "a negative charge is none")
	settle("nobody", d, 0)
	require.ErrorIs(t, lim.Settle(t.Context(), "acme", ratelimit.Tier{}, d, 0), ratelimit.ErrInvalidTier)
	shared := takeN("", 10)
	require.True(t, shared.Allowed)
	settle("", shared, 7)
	assert.Equal(t, 3, takeN("", 0).Tokens, "the bucket of requests without a key")
}

// What was taken from the memory of an outage does not come back to the store.
func TestSettleAfterRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, tier := newFaulty(), ratelimit.Per("ten", 10, time.Hour)
		lim := limiterOn(t, store, tier, ratelimit.Config{})
		require.True(t, must(lim.Take(t.Context(), "acme", tier, 10)).Allowed)
		store.set(down)
		d := must(lim.Take(t.Context(), "acme", tier, 5))
		require.Equal(t, ratelimit.SourceFallback, d.Source)
		works(t, store)
		time.Sleep(3 * time.Second)
		require.False(t, must(lim.Take(t.Context(), "acme", tier, 1)).Allowed)
		require.NoError(t, lim.Settle(t.Context(), "acme", tier, d, 0))
		assert.False(t, must(lim.Take(t.Context(), "acme", tier, 1)).Allowed)
	})
}

func TestSettleWhileStoreFails(t *testing.T) {
	t.Parallel()
	for _, policy := range []ratelimit.FailurePolicy{ratelimit.FailOpen, ratelimit.FailClosed, ratelimit.FailLocal} {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			events := &recorder{}
			store := newFaulty()
			lim := limiterOn(t, refuses{store}, ratelimit.Free, ratelimit.Config{OnStoreError: policy, Observer: events.observe})
			d := must(lim.Take(t.Context(), "acme", ratelimit.Free, 1))
			for range 3 {
				require.ErrorIs(t, lim.Settle(t.Context(), "acme", ratelimit.Free, d, 0), errDown)
			}
			require.ErrorContains(t, lim.Settle(t.Context(), "acme", ratelimit.Free, d, 0), "not asked")
			_, _ = lim.Take(t.Context(), "acme", ratelimit.Free, 1)
			_, _ = lim.Take(t.Context(), "acme", ratelimit.Free, 1)
			var changes []ratelimit.StoreChange
			for _, e := range events.events {
				changes = append(changes, e.StoreChange)
			}
			assert.Equal(t, []ratelimit.StoreChange{"", ratelimit.StoreFailed, ""}, changes, "the next event tells")
		})
	}
}

// refuses refunds.
type refuses struct{ ratelimit.Store }

func (refuses) Refund(context.Context, string, ratelimit.Tier, int) error { return errDown }

// Refunds that reach no store say nothing about it.
func TestSettleWithoutRefunds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs logLines
		store := newFaulty()
		store.set(down)
		lim := limiterOn(t, only{store}, ratelimit.Free, ratelimit.Config{Logger: logs.logger()})
		for range 20 {
			d := must(lim.Take(t.Context(), "acme", ratelimit.Free, 1))
			d.Source = "somewhere"
			require.ErrorIs(t, lim.Settle(t.Context(), "acme", ratelimit.Free, d, 0), errors.ErrUnsupported)
			time.Sleep(time.Second)
		}
		assert.Len(t, logs.lines(), 1)
		assert.Equal(t, int64(3+17), store.calls.Load())
	})
}
