package ratelimit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

const (
	outage = 1300 * time.Millisecond
	// settled is when all calls of the begin of an outage have failed.
	settled = 400 * time.Millisecond
	// slow is what a busy machine adds, to the time of a request or of a
	// recovery.
	slow = 700 * time.Millisecond
)

func TestOutageUnderLoad(t *testing.T) {
	t.Parallel()
	kill := func(s *enginetest.RedisServer) (begin, end func(), lost bool) { return s.Kill, s.Restart, true }
	hang := func(s *enginetest.RedisServer) (begin, end func(), lost bool) { return s.Pause, s.Resume, false }
	for name, tt := range map[string]struct {
		fault  func(*enginetest.RedisServer) (begin, end func(), lost bool)
		policy ratelimit.FailurePolicy
	}{
		"killed, limited locally": {kill, ratelimit.FailLocal},
		"hung, limited locally":   {hang, ratelimit.FailLocal},
		"killed, open":            {kill, ratelimit.FailOpen},
		"hung, closed":            {hang, ratelimit.FailClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := enginetest.Redis(t)
			begin, end, lost := tt.fault(server)
			tier, tenants := ratelimit.Free, 2
			replicas := []*replica{newReplica(t, server.Addr(), tier, tt.policy), newReplica(t, server.Addr(), tier, tt.policy)}

			start := time.Now()
			stop := load(replicas, 16, tenants, 4*time.Millisecond)
			<-time.After(300 * time.Millisecond)
			down := time.Now()
			begin()
			<-time.After(time.Until(down.Add(outage)))
			up := time.Now()
			end()
			answers := time.Now() // a killed server takes a moment to start
			require.Eventually(t, func() bool {
				for _, r := range replicas {
					if r.firstFromRedis(answers).IsZero() || r.lines("store recovered") == 0 {
						return false
					}
				}
				return true
			}, wide, 5*time.Millisecond)
			<-time.After(200 * time.Millisecond)
			stop()
			stopped := time.Now()

			p99, most := slowest(replicas)
			t.Logf("p99 %v, slowest %v of %d requests", p99, most, len(replicas[0].answers)+len(replicas[1].answers))
			assert.Less(t, most, storeTimeout+20*time.Millisecond+slow)
			for i, r := range replicas {
				back := r.firstFromRedis(answers)
				t.Logf("replica %d: %d calls while down, back after %v", i, r.callsBetween(down.Add(settled), up), back.Sub(answers))
				assert.LessOrEqual(t, r.callsBetween(down.Add(settled), up), int(up.Sub(down)/time.Second)+1, "probes while the store is left alone")
				assert.Less(t, back.Sub(answers), 2*time.Second+slow)
				assert.Equal(t, 1, r.lines("store failed"), r.log.String())
				assert.Equal(t, 1, r.lines("store recovered"), r.log.String())
				checkAnswers(t, r, tt.policy, down.Add(settled), up)
			}
			if tt.policy == ratelimit.FailLocal {
				checkBound(t, replicas, tier, tenants, stopped.Sub(start), lost)
			}
		})
	}
}

// checkAnswers is about what clients see, in general and while the store is
// known to be down.
func checkAnswers(t *testing.T, r *replica, policy ratelimit.FailurePolicy, from, to time.Time) {
	t.Helper()
	during := map[int]int{}
	for _, a := range r.answers {
		down := a.start.After(from) && a.start.Add(a.took).Before(to)
		if down {
			during[a.status]++
		}
		switch a.status {
		case http.StatusOK:
			assert.False(t, down && policy == ratelimit.FailClosed, "admitted while closed")
		case http.StatusTooManyRequests:
			assert.NotEmpty(t, a.retryAfter)
			assert.False(t, down && policy != ratelimit.FailLocal, "refused by a limit that is not known")
		case http.StatusServiceUnavailable:
			assert.Equal(t, ratelimit.FailClosed, policy, "503 under another policy")
			assert.NotEmpty(t, a.retryAfter)
		default:
			assert.Fail(t, "Unexpected status", a.status)
		}
	}
	t.Logf("answers while down: %v", during)
	assert.NotEmpty(t, during)
}

// checkBound adds up what a tenant was admitted: what Redis held and refilled,
// what it held again when it had lost its data, and on each replica what memory
// held and refilled while it decided.
func checkBound(t *testing.T, replicas []*replica, tier ratelimit.Tier, tenants int, whole time.Duration, lost bool) {
	t.Helper()
	refill := func(d time.Duration) float64 { return float64(tier.Rate) * d.Seconds() }
	for tenant := range tenants {
		bound := float64(tier.Burst) + refill(whole)
		if lost {
			bound += float64(tier.Burst)
		}
		admitted := 0
		for _, r := range replicas {
			var first, last time.Time
			for _, e := range r.events {
				if e.tenant != tenant {
					continue
				}
				if e.Decision.Source == ratelimit.SourceFallback {
					if first.IsZero() {
						first = e.at
					}
					last = e.at
				}
				if e.Decision.Allowed {
					admitted++
				}
			}
			bound += float64(tier.Burst) + refill(last.Sub(first)+time.Millisecond)
		}
		t.Logf("tenant %d: %d admitted, at most %.1f", tenant, admitted, bound)
		assert.LessOrEqual(t, float64(admitted), bound)
		assert.Greater(t, admitted, tier.Burst)
	}
}
