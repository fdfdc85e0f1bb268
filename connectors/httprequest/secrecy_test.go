package httprequest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
)

// Whatever goes wrong, and whoever looks at it, neither the path of a URL is seen,
// nor its query, nor a header with a credential.
func TestCredentialsAreNeverShown(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	target := receive(t, nil)
	redirect := func(status int, location string) string {
		return serve(t, fmt.Sprintf("HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location))
	}
	bases := map[string]string{
		"nobody listens":           closed.URL,
		"a refused address":        "http://127.0.0.2",
		"a refused form":           "http://0x7f.1",
		"user information":         "http://" + token + ":" + token + "@127.0.0.1",
		"a malformed one":          "http://127.0.0.1/%zz",
		"a space":                  "http://127.0.0.1/a b",
		"silence":                  serve(t, ""),
		"a slow header":            serve(t, ok+"X: "+token),
		"redirect elsewhere":       redirect(308, target.URL+"/"+token),
		"redirect to a refusal":    redirect(302, "http://127.0.0.2/"+token),
		"broken redirect":          redirect(301, "http://%zz"+token),
		"a failure that echoes":    serve(t, "HTTP/1.1 500 "+token+"\r\nX: "+token+"\r\nContent-Length: 17\r\n\r\n"+token),
		"token in the status line": serve(t, "HTTP/1.1 xxx "+token+"\r\n\r\n"),
		"no HTTP":                  serve(t, token+"\r\n\r\n"),
		"TLS of a plain server":    strings.Replace(serve(t, token), "http:", "https:", 1),
	}
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look(t, connector(t, httprequest.Config{
				Client: client(t, connectors.ClientConfig{Guard: local(t, nil), Timeout: 300 * time.Millisecond}), Secret: secret,
			}), base)
		})
	}
	for name, err := range map[string]error{
		"an error of http.Client": &url.Error{Op: "Post", URL: "https://a.example/" + token, Err: errors.New(token)},
		"an error that talks":     fmt.Errorf("%w: %s", io.EOF, token),
		"a typed one":             fmt.Errorf("%s: %w", token, &connectors.Error{Kind: connectors.KindServer, Message: "no"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look(t, stub(t, httprequest.Config{Secret: secret}, func(*http.Request) (*http.Response, error) { return nil, err }), "https://a.example")
		})
	}
	t.Run("the functions of the configuration", func(t *testing.T) {
		t.Parallel()
		fails := fmt.Errorf("outer: %w", errors.New(token))
		look(t, unused(t, httprequest.Config{Secret: func(context.Context, string, string) (connectors.Secret, error) {
			return connectors.Secret{}, fails
		}}), "https://a.example")
		look(t, unused(t, httprequest.Config{Secret: secret, Sign: func(*http.Request, []byte) error { return fails }}), "https://a.example")
	})
	t.Cleanup(func() { assert.Empty(t, target.requests()) })
}

func secret(context.Context, string, string) (connectors.Secret, error) {
	return connectors.NewSecret("Bearer " + token), nil
}

// look makes every call that fails, and looks at all that it leaves.
func look(t *testing.T, c *httprequest.Connector, base string) {
	t.Helper()
	a := action(`{"url":"%s","headers":{"X-Api-Key":"%s"},"secret_headers":{"Authorization":"s"},"body":"x"}`, base+"/"+token+"?key="+token+"&"+token, token)
	var out strings.Builder
	result, err := c.Execute(t.Context(), a)
	typed(t, err)
	out.WriteString(printed(c, err))
	_, err = c.Do(t.Context(), httprequest.Request{URL: base + "/" + token, Secrets: map[string]string{"X": "s"}, Body: []byte("x")})
	typed(t, err)
	out.WriteString(printed(c, err))
	plan, err := c.Plan(t.Context(), a)
	if err != nil {
		out.WriteString(printed(c, err))
	}
	for _, v := range []any{result, c.Test(t.Context()), plan} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		fmt.Fprintf(&out, "%s %+v %#v\n", b, v, v)
	}
	assert.NotContains(t, out.String(), token)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", token))
}

// printed is everything that can be made of a connector and an error.
func printed(c *httprequest.Connector, err error) string {
	var out bytes.Buffer
	for _, e := range []error{err, fmt.Errorf("one: %w", err), fmt.Errorf("two: %w", errors.Join(io.EOF, fmt.Errorf("one: %w", err)))} {
		holder := struct {
			Err       error
			inner     error
			Connector *httprequest.Connector
		}{e, e, c}
		for below := e; below != nil; below = errors.Unwrap(below) {
			fmt.Fprintf(&out, "%v %+v %#v %q %x\n", below, below, below, below, below)
		}
		fmt.Fprintf(&out, "%v %+v %#v\n%v %+v %#v\n", holder, holder, holder, c, c, c)
		if b, err := json.Marshal(map[string]any{"err": e, "holder": holder.Err}); err == nil {
			out.Write(b)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed", slog.Any("error", e), slog.Any("connector", c))
		}
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(fmt.Sprintf("%+v %+v", e, holder))
		}()
	}
	return out.String()
}
