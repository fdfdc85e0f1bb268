package discord_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

// The secret parts of every webhook; they must appear nowhere.
const (
	token = "XXXX-do-not-print"
	id    = "223704706495545344"
)

// saved is a message as Discord answers with it, with a credential in a place
// where none is looked for.
const saved = `{"id":"1100000000000000001","type":0,"content":"t","channel_id":"199737254929760256","timestamp":"2026-01-02T03:04:05.678000+00:00","url":"` + token + `"}`

// webhook is one whose URL begins with base. Unless cfg says otherwise it is not
// paced.
func webhook(t *testing.T, base string, cfg discord.Config) *discord.Webhook {
	t.Helper()
	if cfg.Limiter == nil {
		cfg.Limiter = rate.NewLimiter(rate.Inf, 0)
	}
	w, err := discord.New(connectors.NewSecret(base+"/api/webhooks/"+id+"/"+token), cfg)
	require.NoError(t, err)
	return w
}

// receiver is a webhook behind which h answers, on loopback.
func receiver(t *testing.T, h http.HandlerFunc) *discord.Webhook {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return webhook(t, srv.URL, discord.Config{})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// client never opens a connection.
func client(t *testing.T, f roundTripper) *connectors.Client {
	t.Helper()
	c, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper { return f }})
	require.NoError(t, err)
	return c
}

func stub(t *testing.T, f roundTripper) *discord.Webhook {
	t.Helper()
	return webhook(t, "https://discord.com", discord.Config{Client: client(t, f)})
}

// unused is a webhook that must not be called.
func unused(t *testing.T) *discord.Webhook {
	t.Helper()
	return stub(t, func(*http.Request) (*http.Response, error) {
		t.Error("the webhook was called")
		return nil, errors.New("called")
	})
}

// answer is a response; header is "Name: value".
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for _, line := range header {
		key, value, _ := strings.Cut(line, ": ")
		h.Set(key, value)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func typed(t *testing.T, err error) *connectors.Error {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.Equal(t, "discord", e.Connector)
	assert.NotEmpty(t, e.Op)
	assert.NotEmpty(t, e.Host)
	return e
}
