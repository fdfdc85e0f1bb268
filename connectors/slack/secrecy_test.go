package slack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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

// Whatever goes wrong, and whoever looks at it, the URL is not seen.
func TestTheURLIsNeverShown(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	target := serve(t, ok+"Content-Length: 2\r\n\r\nok", func(net.Conn) { t.Error("the redirect was followed") })
	loop := func(status int, location string) string {
		return serve(t, fmt.Sprintf("HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location), nil)
	}
	bases := map[string]string{
		"nobody listens":           "http://" + closed.Addr().String(),
		"silence":                  serve(t, "", nil),
		"slow header":              serve(t, ok+"X: "+token, nil),
		"slow body":                serve(t, ok+"Content-Length: 10\r\n\r\n12", nil),
		"reset in the body":        serve(t, ok+"Content-Length: 10\r\n\r\n12", reset),
		"ends in the body":         serve(t, ok+"Content-Length: 10\r\n\r\n12", hangUp),
		"hangs up":                 serve(t, "", hangUp),
		"endless":                  serve(t, ok+"\r\n", endless),
		"gzip bomb":                serve(t, gzipped(t, 8<<20), nil),
		"redirect to itself":       loop(307, "/services/T000/B000/"+token),
		"redirect elsewhere":       loop(308, target+"/"+token),
		"redirect with a GET":      loop(302, target+"/"+token),
		"broken redirect":          loop(301, "http://%zz"+token),
		"echoes the token":         serve(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\n"+token, nil),
		"token in the status line": serve(t, "HTTP/1.1 xxx "+token+"\r\n\r\n", hangUp),
		"no HTTP":                  serve(t, token, hangUp),
		"TLS of a plain server":    strings.Replace(serve(t, token, hangUp), "http:", "https:", 1),
	}
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := connectors.NewClient(connectors.ClientConfig{Timeout: 300 * time.Millisecond})
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			look(t, webhook(t, base, slack.Config{Client: c}))
		})
	}
	for name, err := range map[string]error{
		"an error of http.Client": &url.Error{Op: "Post", URL: "https://hooks.slack.com/" + token, Err: errors.New(token)},
		"an error that talks":     fmt.Errorf("%w: %s", io.EOF, token),
		"a typed one":             fmt.Errorf("%s: %w", token, &connectors.Error{Kind: connectors.KindServer}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look(t, stub(t, func(*http.Request) (*http.Response, error) { return nil, err }))
		})
	}
	t.Run("canceled for a reason", func(t *testing.T) {
		t.Parallel()
		w := webhook(t, bases["silence"], slack.Config{})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New(token)) })
		err := w.Send(ctx, slack.Message{Text: "t"})
		assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
		assert.NotContains(t, printed(w, err), token)
	})
}

// look makes every call that fails, and looks at all that it leaves.
func look(t *testing.T, w *slack.Webhook) {
	t.Helper()
	var out strings.Builder
	err := w.Send(t.Context(), slack.Message{Text: "t"})
	typed(t, err)
	out.WriteString(printed(w, err))

	result, err := w.Execute(t.Context(), action(`{"slack_message":"t"}`))
	typed(t, err)
	out.WriteString(printed(w, err))
	plan, err := w.Plan(t.Context(), action(`{"slack_message":"t"}`))
	require.NoError(t, err)
	for _, v := range []any{result, w.Test(t.Context()), plan} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		fmt.Fprintf(&out, "%s %+v %#v\n", b, v, v)
	}
	assert.NotContains(t, out.String(), token)
	assert.NotContains(t, out.String(), "B000")
}

// printed is everything that can be made of a webhook and an error.
func printed(w *slack.Webhook, err error) string {
	var out bytes.Buffer
	for _, e := range []error{err, fmt.Errorf("one: %w", err), fmt.Errorf("two: %w", errors.Join(io.EOF, fmt.Errorf("one: %w", err)))} {
		holder := struct {
			Err     error
			inner   error
			Webhook *slack.Webhook
			value   slack.Webhook
		}{e, e, w, *w}
		for below := e; below != nil; below = errors.Unwrap(below) {
			fmt.Fprintf(&out, "%v %+v %#v %q %x\n", below, below, below, below, below)
		}
		fmt.Fprintf(&out, "%v %+v %#v\n%v %+v %#v\n%v %+v %#v\n", holder, holder, holder, w, w, w, *w, *w, *w)
		if b, err := json.Marshal(map[string]any{"err": e, "holder": holder, "webhook": w}); err == nil {
			out.Write(b)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed",
				slog.Any("error", e), slog.Any("holder", holder), slog.Any("webhook", w), slog.Any("copy", *w))
		}
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(fmt.Sprintf("%+v %+v", e, holder))
		}()
	}
	return out.String()
}
