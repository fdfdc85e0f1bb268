package connectors_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// During an outage there is a tenth more calls, and one a second.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		configured, share float64
		pace              time.Duration // between calls
	}{
		"many calls":    {0, 0.1, time.Millisecond},
		"few calls":     {0, 0.1, 600 * time.Millisecond},
		"another share": {0.5, 0.5, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, start := 0, time.Now()
				c := client(t, connectors.ClientConfig{RetryBudget: tt.configured, Wrap: instead(func(*http.Request) (*http.Response, error) {
					attempts++
					return unsent(nil)
				})})
				const calls = 500
				for range calls {
					_, err := c.Do(request(t, t.Context(), "POST", nil))
					require.Error(t, err)
					time.Sleep(tt.pace)
				}
				const first = 2
				assert.InDelta(t, first+calls*tt.share+time.Since(start).Seconds(), attempts-calls, 2)
			})
		})
	}
	t.Run("what is saved is bounded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var attempts atomic.Int32
			c := client(t, connectors.ClientConfig{Wrap: instead(func(*http.Request) (*http.Response, error) {
				attempts.Add(1)
				return unsent(nil)
			})})
			time.Sleep(time.Hour)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { _, _ = c.Do(request(t, t.Context(), "POST", nil)) })
			}
			wg.Wait()
			assert.LessOrEqual(t, attempts.Load(), int32(100+10+10), "ten that were saved, and ten for a hundred calls")
		})
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []roundTripper{unsent}}
			c := client(t, connectors.ClientConfig{RetryBudget: -1, Wrap: s.wrap})
			for range 100 {
				_, err := c.Do(request(t, t.Context(), "POST", nil))
				require.Error(t, err)
			}
			assert.Equal(t, 300, s.attempts)
		})
	})
}

// A call that is refused was not made, and earns nothing.
func TestRefusedCallsEarnNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []roundTripper{unsent}}
		c := client(t, connectors.ClientConfig{Wrap: s.wrap, Attempts: 2})
		for range 100 {
			r := request(t, t.Context(), "GET", nil)
			r.URL.Scheme = "ftp"
			_, err := c.Do(r)
			assert.Equal(t, connectors.KindInvalid, typed(t, err).Kind)
		}
		for range 5 {
			_, err := c.Do(request(t, t.Context(), "POST", nil))
			require.Error(t, err)
		}
		assert.Equal(t, 5+1, s.attempts, "a new client has one repetition")
	})
}
