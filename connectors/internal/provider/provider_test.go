package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	const token = "T0KEN"
	for _, raw := range []string{
		"https://example.com", "https://example.com:8443/a/b?c=d", "HTTPS://EXAMPLE.com/", "https://[2001:db8::1]/x",
		"http://localhost:1/x", "http://LOCALHOST", "http://127.0.0.1:1/x", "http://127.255.0.9/", "http://[::1]:1/", "http://[::ffff:127.0.0.1]/",
	} {
		u, err := provider.ParseURL("test: the URL", raw)
		require.NoError(t, err, raw)
		assert.NotEmpty(t, u.Host)
	}
	for raw, want := range map[string]string{
		"":                              "is empty",
		token:                           "must begin with https://",
		"ftp://127.0.0.1/" + token:      "must begin with https://",
		"//example.com/" + token:        "must begin with https://",
		"https:" + token:                "must have a host",
		"https:///" + token:             "must have a host",
		"https://:443/" + token:         "must have a host",
		"https://u:" + token + "@h/":    "must have a host, and neither user information",
		"https://" + token + "@h/":      "must have a host, and neither user information",
		"https://h/#" + token:           "must have a host, and neither user information nor a fragment",
		"https://h/%zz" + token:         "is malformed",
		"https://h:" + token + "/":      "is malformed",
		" https://h/" + token:           "is malformed",
		"https://h/" + token + "\n":     "is malformed",
		"http://example.com/" + token:   "must be https",
		"http://10.0.0.1/" + token:      "must be https",
		"http://0.0.0.0/" + token:       "must be https",
		"http://localhost.a/" + token:   "must be https",
		"http://127.0.0.1.a/" + token:   "must be https",
		"http://2130706433/" + token:    "must be https",
		"http://[::ffff:1.1.1.1]/x":     "must be https",
		"http://169.254.169.254/latest": "must be https",
	} {
		u, err := provider.ParseURL("test: the URL", raw)
		require.ErrorContains(t, err, "test: the URL "+want, raw)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, u)
	}
}

func TestParseHook(t *testing.T) {
	t.Parallel()
	const token = "T0KEN"
	parse := func(raw string, anyHost bool) error {
		_, err := provider.ParseHook("test: the URL", raw, anyHost, "hooks.example.com")
		return err
	}
	for _, raw := range []string{
		"https://hooks.example.com/x", "https://HOOKS.example.com:443/x", "http://localhost:1/x", "http://127.0.0.1:1/x", "https://[::1]/x",
	} {
		require.NoError(t, parse(raw, false), raw)
	}
	for _, raw := range []string{
		"https://example.com/", "https://a.hooks.example.com/", "https://hooks.example.com.evil/", "https://hooks.example.com./",
		"https://169.254.169.254/", "https://[::]/", "https://0/",
	} {
		err := parse(raw+token, false)
		require.ErrorContains(t, err, "test: the URL has a foreign host; Config.AnyHost permits it", raw)
		assert.NotContains(t, err.Error(), token)
		require.NoError(t, parse(raw+token, true), raw)
	}
	require.ErrorContains(t, parse("http://example.com/", true), "must be https")
}

func FuzzParseURL(f *testing.F) {
	f.Add("https://hooks.example.com/services/x?y#z")
	f.Add("http://u:p@127.0.0.1")
	f.Add("http://[::1%25lo]/")
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := provider.ParseURL("test: the URL", raw)
		if err != nil {
			return
		}
		assert.NotEmpty(t, u.Hostname())
		assert.Nil(t, u.User)
		assert.Contains(t, []string{"http", "https"}, u.Scheme)
		_, err = http.NewRequestWithContext(t.Context(), http.MethodGet, raw, http.NoBody)
		assert.NoError(t, err, "what is accepted can be called")
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		for value, want := range map[string]time.Duration{
			"30": 30 * time.Second, " 30 ": 30 * time.Second, "0": 0, "3600": time.Hour,
			"3601": time.Hour, "99999999999999999999": time.Hour,
			"": 0, "-1": 0, "+1": 0, "1.5": 0, "soon": 0, "1, 2": 0, "0x10": 0,
			at(90 * time.Second): 90 * time.Second, at(-time.Minute): 0, at(48 * time.Hour): time.Hour,
		} {
			assert.Equal(t, want, provider.RetryAfter(http.Header{"Retry-After": {value}}), "%q", value)
		}
		assert.Zero(t, provider.RetryAfter(nil))
		assert.Equal(t, 2*time.Second, provider.RetryAfter(http.Header{"Retry-After": {"2", "7"}}), "the first counts")
	})
}

func TestNamed(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	inner := connectors.ContextError(canceled)
	for name, err := range map[string]error{"bare": inner, "wrapped": fmt.Errorf("secret: %w", inner)} {
		e := provider.Named("test", "send", "example.com", err)
		assert.Equal(t, connectors.KindCanceled, e.Kind, name)
		require.ErrorIs(t, e, context.Canceled, name)
		assert.True(t, e.Unsent, name)
		assert.Equal(t, "test: send: example.com: canceled by the caller", e.Error(), name)
	}
	assert.Empty(t, inner.Connector, "a shared error is not written to")

	e := provider.Named("test", "send", "example.com", fmt.Errorf("secret: %w", io.EOF))
	assert.Equal(t, "test: send: example.com: the call failed", e.Error())
	assert.Equal(t, connectors.KindNetwork, e.Kind)
	require.NotErrorIs(t, e, io.EOF, "nothing of a foreign error is kept")
	assert.NoError(t, errors.Unwrap(e))
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	e := provider.Invalid("no_text", "the message has no text")
	assert.Equal(t, connectors.KindInvalid, e.Kind)
	assert.True(t, e.Permanent())
	assert.True(t, e.Unsent)
	assert.Equal(t, "connectors: the message has no text (no_text)", e.Error())
}
