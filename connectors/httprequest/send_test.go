package httprequest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config, ctx, header string
		want                      string // "*": some key
	}{
		{"POST", ``, "", "", "*"},
		{"PATCH", `,"method":"PATCH"`, "", "", "*"},
		{"the context's", ``, "k-1", "", "k-1"},
		{"the action's", `,"headers":{"idempotency-key":"k-2"}`, "k-1", "", "k-2"},
		{"an empty one of the action", `,"headers":{"Idempotency-Key":""}`, "k-1", "", "k-1"},
		{"the name is another", ``, "k-1", "X-Request-Id", "k-1"},
		{"PUT", `,"method":"PUT"`, "k-1", "", ""},
		{"DELETE", `,"method":"DELETE"`, "k-1", "", ""},
		{"GET", `,"method":"GET"`, "k-1", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := receive(t, nil)
			field := tt.header
			if field == "" {
				field = "Idempotency-Key"
			}
			ctx := t.Context()
			if tt.ctx != "" {
				ctx = connectors.WithIdempotencyKey(ctx, tt.ctx)
			}
			c := connector(t, httprequest.Config{IdempotencyHeader: tt.header})
			for range 2 {
				_, err := c.Execute(ctx, action(`{"url":"`+rec.URL+`"`+tt.config+`}`))
				require.NoError(t, err)
			}
			all := rec.requests()
			require.Len(t, all, 2)
			first, second := all[0].header.Values(field), all[1].header.Values(field)
			switch tt.want {
			case "*":
				assert.NotEqual(t, first, second, "each execution has its own")
				assert.GreaterOrEqual(t, len(first[0]), 26)
			case "":
				assert.Empty(t, first)
			default:
				assert.Equal(t, []string{tt.want}, first)
				assert.Equal(t, first, second)
			}
			if tt.header != "" {
				assert.Empty(t, all[0].header.Get("Idempotency-Key"))
			}
		})
	}
	_, err := unused(t, httprequest.Config{}).Execute(connectors.WithIdempotencyKey(t.Context(), "a\r\nb"), action(`{"url":"https://a.example/"}`))
	assert.Equal(t, "invalid_key", typed(t, err).Code)
}

// A connection that breaks before the answer leaves it open whether the request
// was received.
func TestRepetitionAfterAnUnclearEnd(t *testing.T) {
	t.Parallel()
	for _, idempotent := range []bool{false, true} {
		rec := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		})
		c := connector(t, httprequest.Config{Idempotent: idempotent})
		_, err := c.Execute(t.Context(), action(`{"url":"`+rec.URL+`","body":{"a":1.0}}`))
		e := typed(t, err)
		assert.Equal(t, connectors.KindNetwork, e.Kind)
		assert.NotEqual(t, "unreachable", e.Code)
		assert.False(t, e.Unsent)
		all := rec.requests()
		if !idempotent {
			assert.Len(t, all, 1)
		}
		for _, got := range all {
			assert.Equal(t, all[0].header.Get("Idempotency-Key"), got.header.Get("Idempotency-Key"))
			assert.Equal(t, `{"a":1.0}`, got.body)
		}
	}
}

func TestSecretHeaders(t *testing.T) {
	t.Parallel()
	type tenant struct{}
	lookup := func(ctx context.Context, name, host string) (connectors.Secret, error) {
		assert.Equal(t, "acme", ctx.Value(tenant{}))
		assert.Contains(t, []string{"127.0.0.1", "a.example"}, host)
		switch name {
		case "api":
			return connectors.NewSecret("Bearer " + token), nil
		case "broken":
			return connectors.NewSecret(token + "\n"), nil
		case "down":
			return connectors.Secret{}, errors.New("db: " + token)
		case "forbidden":
			return connectors.Secret{}, &connectors.Error{Kind: connectors.KindAuth, Code: "forbidden", Message: "not for this host", Unsent: true}
		}
		return connectors.Secret{}, nil
	}
	ctx := context.WithValue(t.Context(), tenant{}, "acme")

	rec := receive(t, nil)
	_, err := connector(t, httprequest.Config{Secret: lookup}).Execute(ctx,
		action(`{"url":"`+rec.URL+`","secret_headers":{"authorization":"api","X-None":null},"headers":{"X-Plain":"api"}}`))
	require.NoError(t, err)
	got := rec.only(t)
	assert.Equal(t, "Bearer "+token, got.header.Get("Authorization"))
	assert.Equal(t, "api", got.header.Get("X-Plain"))
	assert.NotContains(t, got.header, "X-None")

	for name, want := range map[string]connectors.Error{
		"api":       {Code: "unreachable", Kind: connectors.KindNetwork},
		"other":     {Code: "unknown_secret", Kind: connectors.KindInvalid},
		"broken":    {Code: "invalid_secret", Kind: connectors.KindInvalid},
		"down":      {Code: "secret_unavailable", Kind: connectors.KindNetwork},
		"forbidden": {Code: "forbidden", Kind: connectors.KindAuth},
	} {
		c := connector(t, httprequest.Config{Secret: lookup, Guard: local(t, (&names{}).resolver())})
		result, err := c.Execute(ctx, action(`{"url":"https://A.example:443/","secret_headers":{"Authorization":"%s"}}`, name))
		e := typed(t, err)
		assert.Equal(t, want.Code, e.Code)
		assert.Equal(t, want.Kind, e.Kind, name)
		assert.True(t, e.Unsent)
		assert.Equal(t, want.Code, result.Code)
		assert.NotContains(t, err.Error(), token)
	}

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	c := unused(t, httprequest.Config{Secret: func(ctx context.Context, _, _ string) (connectors.Secret, error) {
		return connectors.Secret{}, ctx.Err()
	}})
	_, err = c.Execute(canceled, action(`{"url":"https://a.example/","secret_headers":{"X":"api"}}`))
	assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)

	e := refusedBy(t, c, action(`{"url":"http://a.example/","secret_headers":{"X":"api"}}`))
	assert.Equal(t, "secret_needs_https", e.Code)
}

func TestSign(t *testing.T) {
	t.Parallel()
	const body = `{"id":9007199254740993}`
	sum := func(body []byte) string {
		mac := hmac.New(sha256.New, []byte(token))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	rec := receive(t, nil)
	c := connector(t, httprequest.Config{Sign: func(r *http.Request, body []byte) error {
		assert.NotEmpty(t, r.Header.Get("Idempotency-Key"))
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		r.Header.Set("X-Signature", sum(body))
		return nil
	}})
	_, err := c.Execute(t.Context(), action(`{"url":"`+rec.URL+`","body":`+body+`}`))
	require.NoError(t, err)
	got := rec.only(t)
	assert.Equal(t, body, got.body)
	assert.Equal(t, sum([]byte(body)), got.header.Get("X-Signature"))

	c = unused(t, httprequest.Config{Sign: func(*http.Request, []byte) error { return errors.New(token) }})
	_, err = c.Execute(t.Context(), action(`{"url":"https://a.example/"}`))
	e := typed(t, err)
	assert.Equal(t, "sign_failed", e.Code)
	assert.True(t, e.Retryable())
	assert.NotContains(t, err.Error(), token)
}

func TestDo(t *testing.T) {
	t.Parallel()
	rec := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		_, _ = io.WriteString(w, `{"id":7}`)
	})
	header := http.Header{"x-many": {"a", "b"}}
	resp, err := connector(t, httprequest.Config{MaxRequestBody: 4}).Do(t.Context(), httprequest.Request{
		Method: "patch", URL: rec.URL + "/x", Header: header, Body: []byte("1234"),
	})
	require.NoError(t, err)
	assert.Equal(t, 201, resp.Status)
	assert.JSONEq(t, `{"id":7}`, string(resp.Body))
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	got := rec.only(t)
	assert.Equal(t, "PATCH", got.method)
	assert.Equal(t, []string{"a", "b"}, got.header.Values("X-Many"))
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	assert.Equal(t, http.Header{"x-many": {"a", "b"}}, header, "the caller's stays as it is")

	resp, err = unused(t, httprequest.Config{MaxRequestBody: 4}).Do(t.Context(), httprequest.Request{URL: "https://a.example/", Body: []byte("12345")})
	e := typed(t, err)
	assert.Nil(t, resp)
	assert.Equal(t, connectors.KindTooLarge, e.Kind)
	assert.Equal(t, "body_too_large", e.Code)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	rec := receive(t, nil)
	c := connector(t, httprequest.Config{
		FollowRedirects: true,
		Secret: func(context.Context, string, string) (connectors.Secret, error) {
			return connectors.NewSecret(token), nil
		},
		Sign: func(r *http.Request, _ []byte) error { r.Header.Set("X-Signature", "s"); return nil },
	})
	done := make(chan error)
	a := action(`{"url":"` + rec.URL + `","headers":{"X":"1"},"secret_headers":{"Authorization":"a"},"body":{"a":1}}`)
	for range 20 {
		go func() {
			_, err := c.Execute(context.Background(), a)
			_, planErr := c.Plan(context.Background(), a)
			done <- errors.Join(err, planErr)
		}()
	}
	for range 20 {
		require.NoError(t, <-done)
	}
	assert.Len(t, rec.requests(), 20)
}
