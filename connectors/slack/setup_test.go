package slack_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

// token is the secret part of every webhook; it must appear nowhere.
const token = "XXXX-do-not-print"

// webhook is one whose URL begins with base.
func webhook(t *testing.T, base string, cfg slack.Config) *slack.Webhook {
	t.Helper()
	w, err := slack.NewWebhook(connectors.NewSecret(base+"/services/T000/B000/"+token), cfg)
	require.NoError(t, err)
	return w
}

// receiver is a webhook behind which h answers, on loopback.
func receiver(t *testing.T, h http.HandlerFunc) *slack.Webhook {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return webhook(t, srv.URL, slack.Config{})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stub is a webhook whose client never opens a connection, except for Test, which
// goes past what wraps a transport.
func stub(t *testing.T, f roundTripper) *slack.Webhook {
	t.Helper()
	c, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper { return f }})
	require.NoError(t, err)
	return webhook(t, "https://hooks.slack.com", slack.Config{Client: c})
}

// unused is a webhook that must not be called.
func unused(t *testing.T) *slack.Webhook {
	t.Helper()
	return stub(t, func(*http.Request) (*http.Response, error) {
		t.Error("the webhook was called")
		return nil, errors.New("called")
	})
}

// botToken is the token of every bot; it must appear nowhere.
const botToken = "xoxb-" + token

func newBot(t *testing.T, base string, cfg slack.Config) *slack.Bot {
	t.Helper()
	cfg.BaseURL = base + "/api"
	b, err := slack.NewBot(connectors.NewSecret(botToken), cfg)
	require.NoError(t, err)
	return b
}

// api is a bot behind which h answers, on loopback.
func api(t *testing.T, h http.HandlerFunc) *slack.Bot {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return newBot(t, srv.URL, slack.Config{})
}

// stubBot is a bot whose client opens a connection for Test only.
func stubBot(t *testing.T, f roundTripper) *slack.Bot {
	t.Helper()
	c, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper { return f }})
	require.NoError(t, err)
	return newBot(t, "https://slack.com", slack.Config{Client: c})
}

// unusedBot is a bot that must not be called.
func unusedBot(t *testing.T) *slack.Bot {
	t.Helper()
	return stubBot(t, func(*http.Request) (*http.Response, error) {
		t.Error("the bot was called")
		return nil, errors.New("called")
	})
}

func typed(t *testing.T, err error) *connectors.Error {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.Equal(t, "slack", e.Connector)
	assert.NotEmpty(t, e.Op)
	assert.NotEmpty(t, e.Host)
	return e
}
