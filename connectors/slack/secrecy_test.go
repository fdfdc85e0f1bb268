package slack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

// serve answers each connection on loopback with text and then does after.
func serve(t *testing.T, text string, after func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop); _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				if bytes.Contains(buf[:n], []byte("Referer")) || bytes.HasPrefix(buf[:n], []byte("GET")) {
					t.Errorf("a redirect was followed: %s", buf[:n])
				}
				_, _ = io.WriteString(c, text)
				if after != nil {
					after(c)
					return
				}
				<-stop
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

func hangUp(net.Conn) {}

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

func endless(c net.Conn) {
	for {
		if _, err := c.Write(bytes.Repeat([]byte(token), 1000)); err != nil {
			return
		}
	}
}

func gzipped(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", b.Len(), b.String())
}

// subject is a connector with its secret, and everything that can be printed of it.
type subject struct {
	connectors.Connector
	send   func(context.Context) error
	values []any
}

// subjects returns a Webhook and a Bot that call base.
func subjects(t *testing.T, base string, cfg slack.Config) map[string]subject {
	t.Helper()
	w, b := webhook(t, base, cfg), newBot(t, base, cfg)
	return map[string]subject{
		"webhook": {w, func(ctx context.Context) error { return w.Send(ctx, slack.Message{Text: "t"}) }, []any{w, *w}},
		"bot": {b, func(ctx context.Context) error {
			_, err := b.Post(ctx, "C1", slack.Message{Text: "t"})
			return err
		}, []any{b, *b}},
	}
}

// faults returns the addresses at which something goes wrong.
func faults(t *testing.T) map[string]string {
	t.Helper()
	const ok = "HTTP/1.1 200 OK\r\n"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	target := serve(t, ok+"Content-Length: 2\r\n\r\nok", func(net.Conn) { t.Error("the redirect was followed") })
	said := func(status int, header, body string) string {
		return serve(t, fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body), nil)
	}
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	return map[string]string{
		"nobody listens":           "http://" + closed.Addr().String(),
		"silence":                  serve(t, "", nil),
		"silence in the handshake": strings.Replace(serve(t, "", nil), "http:", "https:", 1),
		"a strange certificate":    untrusted.URL,
		"slow header":              serve(t, ok+"X: "+token, nil),
		"slow body":                serve(t, ok+"Content-Length: 10\r\n\r\n12", nil),
		"reset at once":            serve(t, "", reset),
		"reset in the body":        serve(t, ok+"Content-Length: 10\r\n\r\n12", reset),
		"ends in the body":         serve(t, ok+"Content-Length: 10\r\n\r\n12", hangUp),
		"hangs up":                 serve(t, "", hangUp),
		"endless":                  serve(t, ok+"\r\n", endless),
		"gzip bomb":                serve(t, gzipped(t, 8<<20), nil),
		"redirect to itself":       said(307, "Location: /services/T000/B000/"+token+"\r\n", ""),
		"redirect elsewhere":       said(308, "Location: "+target+"/"+token+"\r\n", ""),
		"redirect with a GET":      said(302, "Location: "+target+"/"+token+"\r\n", ""),
		"broken redirect":          said(301, "Location: http://%zz"+token+"\r\n", ""),
		"echoes the token":         said(400, "", token),
		"echoes it as an error":    said(200, "", `{"ok":false,"error":"`+token+`"}`),
		"echoes it as a ts":        said(200, "", `{"ok":true,"ts":"`+botToken+`"}`),
		"a page":                   said(200, "Content-Type: text/html\r\n", "<html>"+botToken),
		"a page of an error":       said(502, "Content-Type: text/html\r\n", "<html>"+botToken),
		"429":                      said(429, "Retry-After: 30\r\n", token),
		"429 with the token":       said(429, "Retry-After: "+token+"\r\n", `{"ok":false,"error":"ratelimited"}`),
		"410":                      said(410, "", token),
		"token in the status line": serve(t, "HTTP/1.1 xxx "+token+"\r\n\r\n", hangUp),
		"no HTTP":                  serve(t, token, hangUp),
		"TLS of a plain server":    strings.Replace(serve(t, token, hangUp), "http:", "https:", 1),
	}
}

// Whatever goes wrong, and whoever looks at it, the credential is not seen.
func TestTheCredentialIsNeverShown(t *testing.T) {
	t.Parallel()
	bases := faults(t)
	for fault, base := range bases {
		c, err := connectors.NewClient(connectors.ClientConfig{Timeout: 150 * time.Millisecond})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		for who, s := range subjects(t, base, slack.Config{Client: c}) {
			t.Run(fault+" "+who, func(t *testing.T) {
				t.Parallel()
				look(t, s)
			})
		}
	}
	for fault, err := range map[string]error{
		"an error of http.Client": &url.Error{Op: "Post", URL: "https://hooks.slack.com/" + token, Err: errors.New(token)},
		"an error that talks":     fmt.Errorf("%w: %s", io.EOF, token),
		"a typed one":             fmt.Errorf("%s: %w", token, &connectors.Error{Kind: connectors.KindServer}),
	} {
		c, clientErr := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
		}})
		require.NoError(t, clientErr)
		for who, s := range subjects(t, "http://127.0.0.1:1", slack.Config{Client: c}) {
			t.Run(fault+" "+who, func(t *testing.T) {
				t.Parallel()
				look(t, s)
			})
		}
	}
	for who, s := range subjects(t, bases["silence"], slack.Config{}) {
		t.Run("canceled for a reason "+who, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New(token)) })
			err := s.send(ctx)
			assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
			hidden(t, printed(s, err))
		})
	}
}

func hidden(t *testing.T, out string) {
	t.Helper()
	for _, part := range []string{token, "B000", "xoxb", "Bearer"} {
		assert.NotContains(t, out, part)
	}
}

// look makes every call that fails, and looks at all that it leaves.
func look(t *testing.T, s subject) {
	t.Helper()
	var out strings.Builder
	err := s.send(t.Context())
	typed(t, err)
	out.WriteString(printed(s, err))

	a := action(`{"channel":"C1","slack_message":"t"}`)
	result, err := s.Execute(t.Context(), a)
	typed(t, err)
	out.WriteString(printed(s, err))
	plan, err := s.Plan(t.Context(), a)
	require.NoError(t, err)
	for _, v := range []any{result, s.Test(t.Context()), plan} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		fmt.Fprintf(&out, "%s %+v %#v\n", b, v, v)
	}
	hidden(t, out.String())
}

// printed is everything that can be made of a connector and an error.
func printed(s subject, err error) string {
	var out bytes.Buffer
	for _, e := range []error{err, fmt.Errorf("one: %w", err), fmt.Errorf("two: %w", errors.Join(io.EOF, fmt.Errorf("one: %w", err)))} {
		for below := e; below != nil; below = errors.Unwrap(below) {
			fmt.Fprintf(&out, "%v %+v %#v %q %x\n", below, below, below, below, below)
		}
		for _, v := range s.values {
			holder := struct {
				Err   error
				inner error
				Value any
				value any
			}{e, e, v, v}
			fmt.Fprintf(&out, "%v %+v %#v\n%v %+v %#v\n", holder, holder, holder, v, v, v)
			if b, err := json.Marshal(map[string]any{"err": e, "holder": holder, "value": v}); err == nil {
				out.Write(b)
			}
			for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
				slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed",
					slog.Any("error", e), slog.Any("holder", holder), slog.Any("value", v))
			}
			func() {
				defer func() { fmt.Fprint(&out, recover()) }()
				panic(fmt.Sprintf("%+v %+v", e, holder))
			}()
		}
	}
	return out.String()
}
