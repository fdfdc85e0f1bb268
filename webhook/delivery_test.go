package webhook_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// deliver returns what a verifier makes of a body that p has signed.
func (p party) deliver(t *testing.T, body string, edit func(h http.Header)) webhook.Delivery {
	t.Helper()
	r := p.request(t, body)
	if edit != nil {
		edit(r.Header)
	}
	d, err := p.verifier(t, webhook.Config{}).VerifyRequest(r, []byte(body))
	require.NoError(t, err)
	return d
}

func TestDeliveryID(t *testing.T) {
	t.Parallel()
	event := `{"token":"x","event":{"event_id":"inner","text":"\"event_id\":\"EvFAKE\""},"event_id":"Ev0PV52K21","event_time":1}`
	for _, tt := range []struct {
		party  int
		body   string
		id     string
		signed bool
		key    string
	}{
		{0, "{}", "msg_1", true, "msg_1"},
		{1, "{}", "msg_1", true, "msg_1"},
		{2, "{}", "msg_1", true, "msg_1"},
		{3, event, "Ev0PV52K21", true, "Ev0PV52K21"},
		{3, "command=%2Fweather", "", false, "digest of slack and v0:946684800:"},
		{4, "{}", "msg_1", false, "digest of github and "},
		{5, `{"id":"evt_1","object":"event"}`, "evt_1", true, "evt_1"},
		{5, `{"object":"event"}`, "", false, "digest of stripe and 946684800."},
		{6, "{}", "msg_1", false, "digest of shopify and "},
		{7, `{"application_id":"2","id":"1","type":1}`, "1", true, "1"},
		{8, "b=2&a=1", "msg_1", false, "digest of twilio and https://receiver.example/hooks?a=1a1b2"},
		{9, "{}", "", false, "digest of paddle and 946684800:"},
		{10, "{}", "", false, "digest of hubspot and POSThttps://receiver.example/hooks?a=1"},
	} {
		p := parties()[tt.party]
		t.Run(fmt.Sprint(p.scheme, " ", tt.body), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := p.deliver(t, tt.body, nil)
				assert.Equal(t, tt.id, d.ID)
				assert.Equal(t, tt.signed, d.IDSigned)
				want := tt.key
				if rest, ok := strings.CutPrefix(tt.key, "digest of "); ok {
					scheme, content, _ := strings.Cut(rest, " and ")
					switch p.scheme {
					case webhook.Twilio:
					case hubspot():
						content += tt.body + "946684800000"
					default:
						content += tt.body
					}
					sum := sha256.Sum256([]byte(scheme + "\x00" + content))
					want = hex.EncodeToString(sum[:])
				}
				assert.Equal(t, want, d.Key())

				// The same of a request behind the handler.
				p.verifier(t, webhook.Config{}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					key, err := webhook.DeliveryID(r)
					assert.NoError(t, err)
					assert.Equal(t, want, key)
				})).ServeHTTP(httptest.NewRecorder(), p.request(t, tt.body))
			})
		})
	}
}

// Whoever replays a delivery can change the id that is not signed; that gains
// nothing.
func TestUnsignedIDsAreNotTrusted(t *testing.T) {
	t.Parallel()
	for _, party := range []int{4, 6, 8} {
		p := parties()[party]
		names := map[webhook.Scheme]string{webhook.GitHub: "X-GitHub-Delivery", webhook.Shopify: "X-Shopify-Webhook-Id", webhook.Twilio: "I-Twilio-Idempotency-Token"}
		original := p.deliver(t, "a=b", nil)
		changed := p.deliver(t, "a=b", func(h http.Header) { h.Set(names[p.scheme], "another") })
		removed := p.deliver(t, "a=b", func(h http.Header) { h.Del(names[p.scheme]) })
		assert.Equal(t, "another", changed.ID)
		assert.Empty(t, removed.ID)
		assert.Equal(t, original.Key(), changed.Key(), p.scheme)
		assert.Equal(t, original.Key(), removed.Key(), p.scheme)
		assert.NotEqual(t, original.Key(), p.deliver(t, "a=c", nil).Key(), p.scheme)
	}
}

func TestDeliveryIDOutsideOfAVerifier(t *testing.T) {
	t.Parallel()
	id, err := webhook.DeliveryID(httptest.NewRequest(http.MethodPost, "/", nil))
	require.ErrorIs(t, err, webhook.ErrNotVerified)
	assert.Empty(t, id)
	assert.Empty(t, webhook.Delivery{ID: "x", IDSigned: true}.Key())
}

// Equal bytes under two schemes are two deliveries.
func TestKeysOfSchemesDiffer(t *testing.T) {
	t.Parallel()
	assert.NotEqual(t, parties()[4].deliver(t, "{}", nil).Key(), parties()[6].deliver(t, "{}", nil).Key())
}

func TestIDsInBodies(t *testing.T) {
	t.Parallel()
	stripe, slack := parties()[5], parties()[3]
	for _, tt := range []struct {
		p    party
		body string
		want string
	}{
		{stripe, `{"id":"evt_1"}`, "evt_1"},
		{stripe, " {\n \"object\" : \"event\" ,\r\n\t\"id\" : \"evt_1\" }\n", "evt_1"},
		{stripe, `{"data":{"id":"inner"},"list":[{"id":"inner"}],"id":"evt_1"}`, "evt_1"},
		{stripe, `{"text":"\"id\":\"fake\",\\","id":"evt_1"}`, "evt_1"},
		{stripe, `{"x":"id","id":"evt_1"}`, "evt_1"},
		{stripe, `{"id":7,"x":1}`, ""},
		{stripe, `{"id":null}`, ""},
		{stripe, `{"id":{"id":"inner"}}`, ""},
		{stripe, `{"id":""}`, ""},
		{stripe, `{"id":"a b"}`, ""},
		{stripe, `{"id":"\u0061"}`, ""},
		{stripe, `{"id":"` + strings.Repeat("x", 255) + `"}`, strings.Repeat("x", 255)},
		{stripe, `{"id":"` + strings.Repeat("x", 256) + `"}`, ""},
		{stripe, `["id","evt_1"]`, ""},
		{stripe, `"id":"evt_1"`, ""},
		{stripe, `id=evt_1`, ""},
		{stripe, `{"id":"evt_1`, ""},
		{stripe, `{"id"`, ""},
		{stripe, `{"a":"`, ""},
		{stripe, "", ""},
		{slack, `{"event":{"event_id":"inner"},"event_id":"Ev1"}`, "Ev1"},
		{slack, `{"event_id":"Ev1","event":{"event_id":"inner","text":"{[\"}"}}` + "\n", "Ev1"},
		{slack, `{"event_id":"Ev1","x":"event_id"}`, "Ev1"},
		{slack, `{"event_id":"Ev1","x":"\"event_id\":\"fake\""}`, "Ev1"},
		{slack, `{"event_id":"Ev1","x":"\\"}`, "Ev1"},
		{slack, `{"event":{"event_id":"inner"}}`, ""},
		{slack, `{"x":"\"event_id\":\"fake\""}`, ""},
		{slack, `{"event_id":7}`, ""},
		{slack, `[{"event_id":"Ev1"}]`, ""},
		{slack, `{"event_id":"Ev1"`, ""},
		{slack, `event_id":"Ev1"}`, ""},
		{slack, `}`, ""},
		{slack, `{"}`, ""},
	} {
		d := tt.p.deliver(t, tt.body, nil)
		assert.Equal(t, tt.want, d.ID, tt.body)
		assert.Equal(t, tt.want != "", d.IDSigned, tt.body)
	}
}

// A second attempt has another time and signature, and is the same delivery.
func TestRetriesAreTheSameDelivery(t *testing.T) {
	t.Parallel()
	bodies := map[int]string{0: "{}", 2: "{}", 3: `{"event_id":"Ev1"}`, 4: "{}", 5: `{"id":"evt_1"}`, 6: "{}", 8: "a=b"}
	for party, body := range bodies {
		t.Run(parties()[party].scheme.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first := parties()[party].deliver(t, body, nil)
				time.Sleep(time.Hour)
				assert.Equal(t, first.Key(), parties()[party].deliver(t, body, nil).Key())
			})
		})
	}
}
