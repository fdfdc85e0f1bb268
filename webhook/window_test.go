package webhook_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// The window is closed: a delivery passes at its very end, before and after.
func TestTimestampWindow(t *testing.T) {
	t.Parallel()
	for _, p := range parties() {
		for _, tt := range []struct {
			tolerance, age time.Duration
			want           error
		}{
			{0, 0, nil},
			{0, 5 * time.Minute, nil},
			{0, 5*time.Minute + time.Nanosecond, webhook.ErrTooOld},
			{0, -5 * time.Minute, nil},
			{0, -5*time.Minute - time.Second, webhook.ErrTooNew},
			{0, 10 * 365 * 24 * time.Hour, webhook.ErrTooOld},
			{time.Second, time.Second, nil},
			{time.Second, 2 * time.Second, webhook.ErrTooOld},
			{time.Second, -2 * time.Second, webhook.ErrTooNew},
			{time.Hour, time.Hour, nil},
			{-1, 10 * 365 * 24 * time.Hour, nil},
			{-1, -time.Hour, nil},
		} {
			t.Run(p.scheme.String()+" "+tt.age.String()+" within "+tt.tolerance.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					// Whole seconds, so that the time that is signed is exact.
					v := p.verifier(t, webhook.Config{Tolerance: tt.tolerance})
					time.Sleep(24 * time.Hour)
					r := p.request(t, "a=b")
					signed := time.Now()
					if tt.age < 0 {
						r = futureRequest(t, p, -tt.age)
						signed = signed.Add(-tt.age)
					} else {
						time.Sleep(tt.age)
					}
					d, err := v.VerifyRequest(r, []byte("a=b"))
					if !timed(p.scheme) {
						require.NoError(t, err)
						assert.Zero(t, d.Timestamp)
						return
					}
					if tt.want != nil {
						assert.ErrorIs(t, err, tt.want)
						return
					}
					require.NoError(t, err)
					assert.True(t, d.Timestamp.Equal(signed))
				})
			})
		}
	}
}

func timed(scheme webhook.Scheme) bool {
	return scheme != webhook.GitHub && scheme != webhook.Shopify && scheme != webhook.Twilio
}

// futureRequest is signed by a clock that is ahead.
func futureRequest(t *testing.T, p party, ahead time.Duration) *http.Request {
	t.Helper()
	r := p.request(t, "a=b")
	if p.scheme == webhook.Twilio || p.scheme == hubspot() {
		if p.scheme == hubspot() {
			signHubspot(r, time.Now().Add(ahead), "a=b")
		}
		return r
	}
	require.NoError(t, p.signer(t).Sign(r.Header, "msg_1", time.Now().Add(ahead), []byte("a=b")))
	return r
}
