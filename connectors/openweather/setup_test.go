package openweather_test

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
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/openweather"
)

// token is every key; it must appear nowhere.
const token = "k3y-do-not-print"

// client is one that does not pace and calls base.
func client(t *testing.T, base string, cfg openweather.Config) *openweather.Client {
	t.Helper()
	cfg.BaseURL = base
	if cfg.Limiter == nil {
		cfg.Limiter = rate.NewLimiter(rate.Inf, 0)
	}
	c, err := openweather.New(connectors.NewSecret(token), cfg)
	require.NoError(t, err)
	return c
}

// receiver is a client behind which h answers, on loopback.
func receiver(t *testing.T, h http.HandlerFunc) *openweather.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return client(t, srv.URL, openweather.Config{})
}

// fake is a client of a stand-in that knows its key.
func fake(t *testing.T) (*openweather.Client, *connectorstest.OpenWeather) {
	t.Helper()
	f := connectorstest.NewOpenWeather(t)
	c, err := openweather.New(f.Key(), openweather.Config{BaseURL: f.BaseURL()})
	require.NoError(t, err)
	return c, f
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stub is a client whose calls f answers. What passes f by meets nobody: a test
// of the connection does, which no wrapper sees. Nothing is repeated, which would
// wait at random.
func stub(t *testing.T, cfg openweather.Config, f roundTripper) *openweather.Client {
	t.Helper()
	var err error
	cfg.Client, err = connectors.NewClient(connectors.ClientConfig{Attempts: -1, Wrap: func(http.RoundTripper) http.RoundTripper { return f }})
	require.NoError(t, err)
	return client(t, "http://127.0.0.1:1", cfg)
}

// unused is a client that must not call.
func unused(t *testing.T) *openweather.Client {
	t.Helper()
	hc, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("the API was called")
			return nil, errors.New("called")
		})
	}})
	require.NoError(t, err)
	return client(t, "", openweather.Config{Client: hc})
}

func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func typed(t *testing.T, err error) *connectors.Error {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.Equal(t, "openweather", e.Connector)
	assert.NotEmpty(t, e.Op)
	assert.NotEmpty(t, e.Host)
	assert.NotEmpty(t, e.Message)
	return e
}

func berlin() openweather.Query { return openweather.Query{City: "Berlin"} }
