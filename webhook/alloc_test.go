//go:build !race

package webhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// The race detector makes pools forget, so this is not for it.
func TestVerifyAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	body := []byte(`{"id":"evt_1","text":"` + strings.Repeat("x", 1000) + `","event_id":"Ev1"}`)
	for _, p := range parties() {
		want := map[webhook.Scheme]float64{webhook.Stripe: 1, webhook.Slack: 1, webhook.Discord: 1}[p.scheme] // the id
		if p.scheme == webhook.Twilio || p.scheme == hubspot() {
			continue // the URL is put together
		}
		h := http.Header{}
		require.NoError(t, p.signer(t).Sign(h, "msg_1", time.Now(), body))
		v := p.verifier(t, webhook.Config{})
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(h, body); err != nil {
				panic(err)
			}
		}), want, p.scheme)

		h.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
		if p.scheme == webhook.GitHub {
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Verify(h, body) }), "refused")
		}
	}
}
