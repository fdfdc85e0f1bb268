package connectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// token stands for every credential; it must appear nowhere.
const token = "T0KEN-do-not-print"

func client(t *testing.T, cfg connectors.ClientConfig) *connectors.Client {
	t.Helper()
	c, err := connectors.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// post sends a body to a URL with the token in path and query, and reads the
// whole answer.
func post(ctx context.Context, c *connectors.Client, base string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/"+token+"?key="+token, strings.NewReader("body"))
	if err != nil {
		return 0, "", err
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// typed returns err as the package's, after it was looked at from all sides.
func typed(t *testing.T, err error) *connectors.Error {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.NotContains(t, printed(err), token)
	return e
}

// printed is everything that can be made of an error.
func printed(err error) string {
	var out bytes.Buffer
	wrapped := fmt.Errorf("outer: %w", errors.Join(fmt.Errorf("inner: %w", err), io.EOF))
	for e := range tree(wrapped) {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %x\n", e, e, e, e, e, fmt.Sprint(e))
		holder := struct {
			Err   error
			inner error
		}{e, e}
		fmt.Fprintf(&out, "%v %+v %#v\n", holder, holder, holder)
		if b, err := json.Marshal(map[string]any{"err": e, "holder": holder}); err == nil {
			out.Write(b)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed", slog.Any("error", e), slog.Any("holder", holder))
		}
	}
	return out.String()
}

// tree yields err and every error below it.
func tree(err error) func(func(error) bool) {
	return func(yield func(error) bool) {
		for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
			if !yield(queue[0]) {
				return
			}
			switch e := any(queue[0]).(type) {
			case interface{ Unwrap() error }:
				if below := e.Unwrap(); below != nil {
					queue = append(queue, below)
				}
			case interface{ Unwrap() []error }:
				queue = append(queue, e.Unwrap()...)
			}
		}
	}
}

// raw serves each connection on loopback with f, and holds it until the test
// ends.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		_ = ln.Close()
	})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
				<-stop
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

// silentLog is for servers that are mistreated.
func silentLog() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// instead is a Wrap whose transport never comes to be used.
func instead(f roundTripper) func(http.RoundTripper) http.RoundTripper {
	return func(http.RoundTripper) http.RoundTripper { return f }
}
