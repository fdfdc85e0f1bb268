package provider_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// attempt is how one ends.
type attempt struct {
	e     *connectors.Error
	again bool
}

// play repeats over attempts, the last one for ever, and returns the outcome and
// how many there were.
func play(ctx context.Context, limit int, attempts ...attempt) (*connectors.Error, int) {
	made := 0
	e := provider.Repeat(ctx, limit, func() (*connectors.Error, bool) {
		made++
		a := attempts[min(made, len(attempts))-1]
		return a.e, a.again
	})
	return e, made
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	refusal := attempt{limited(time.Second), true}
	paced := attempt{&connectors.Error{Kind: connectors.KindRateLimited, Code: "paced", Unsent: true}, false}
	unsent := attempt{&connectors.Error{Kind: connectors.KindNetwork, Unsent: true}, false}
	success := attempt{}
	for name, tt := range map[string]struct {
		limit    int
		attempts []attempt
		made     int
		kind     connectors.Kind
		status   int
		unsent   bool
	}{
		"success":                       {3, []attempt{success}, 1, "", 0, false},
		"a failure":                     {3, []attempt{{limited(0), false}}, 1, connectors.KindRateLimited, 429, false},
		"nothing sent":                  {3, []attempt{unsent}, 1, connectors.KindNetwork, 0, true},
		"no turn":                       {3, []attempt{paced}, 1, connectors.KindRateLimited, 0, true},
		"refused, then success":         {3, []attempt{refusal, success}, 2, "", 0, false},
		"refused for ever":              {9, []attempt{refusal}, 3, connectors.KindRateLimited, 429, false},
		"two attempts":                  {2, []attempt{refusal}, 2, connectors.KindRateLimited, 429, false},
		"one attempt":                   {1, []attempt{refusal}, 1, connectors.KindRateLimited, 429, false},
		"refused, then no turn":         {3, []attempt{refusal, paced}, 2, connectors.KindRateLimited, 429, false},
		"refused, then nothing is sent": {3, []attempt{refusal, unsent}, 2, connectors.KindNetwork, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, made := play(t.Context(), tt.limit, tt.attempts...)
			assert.Equal(t, tt.made, made)
			if tt.kind == "" {
				require.Nil(t, e)
				return
			}
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.unsent, e.Unsent)
		})
	}
	assert.True(t, unsent.e.Unsent, "a shared error is not written to")
}

// After a failure for which no gate waits there is a short wait, which ends with
// the context.
func TestRepeatAfterAFailureWithoutATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failure := attempt{&connectors.Error{Kind: connectors.KindServer, Status: 503}, true}
		start := time.Now()
		_, made := play(t.Context(), 3, failure)
		assert.Equal(t, 3, made)
		assert.Positive(t, time.Since(start))
		assert.Less(t, time.Since(start), 750*time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e, made := play(ctx, 3, failure)
		assert.Equal(t, 503, e.Status)
		assert.Equal(t, 1, made)
	})
}

func TestAsked(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "soon": false, "0": true, "5": true} {
		assert.Equal(t, want, provider.Asked(limited(0), http.Header{"Retry-After": {value}}), "%q", value)
	}
	assert.True(t, provider.Asked(limited(time.Second), nil), "the body named it")
	assert.False(t, provider.Asked(nil, http.Header{"Retry-After": {"1"}}))
	assert.False(t, provider.Asked(&connectors.Error{Kind: connectors.KindServer, Status: 503, RetryAfter: 1}, nil), "it may have acted")
}
