package netguard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// printed is everything that can be made of an error without asking for Detail.
func printed(t *testing.T, err error) string {
	t.Helper()
	var out bytes.Buffer
	for e := err; e != nil; e = errors.Unwrap(e) {
		holder := struct {
			Err   error
			inner error
		}{e, e}
		for _, v := range []any{e, holder, &holder} {
			fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
			if b, err := json.Marshal(v); assert.NoError(t, err) {
				out.Write(b)
			}
			for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
				slog.New(handler).LogAttrs(t.Context(), slog.LevelError, "failed", slog.Any("error", v))
			}
		}
	}
	return out.String()
}

func TestErrorsTellNothing(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{})
	_, dialled := g.DialContext(t.Context(), "tcp", "127.11.12.13:443")
	errs := []error{
		g.Control(t.Context(), "tcp", "127.11.12.13:443", nil),
		g.CheckURL(parse(t, "https://127.11.12.13/")),
		g.CheckRedirect(requests(t, "https://127.11.12.13/")[0], nil),
		dialled,
	}
	for _, err := range errs {
		require.EqualError(t, err, public)
		assert.Contains(t, detail(t, err), "127.11.12.13")
		assert.Contains(t, detail(t, err), "loopback")
		for _, shown := range []error{err, fmt.Errorf("outer: %w", err), errors.Join(err), &url.Error{Op: "Get", URL: "https://x.example/", Err: err}} {
			text := printed(t, shown)
			assert.Contains(t, text, public)
			assert.NotContains(t, text, "127.11.12.13")
			assert.NotContains(t, text, "loopback")
			require.ErrorIs(t, shown, netguard.ErrBlocked)
		}
		require.ErrorIs(t, &url.Error{Err: &net.OpError{Op: "dial", Err: err}}, netguard.ErrBlocked)
		require.NotErrorIs(t, err, context.Canceled)
		require.NoError(t, errors.Unwrap(err))
		e, _ := errors.AsType[*netguard.Error](err)
		assert.False(t, e.Timeout())
	}
}

func TestTheZeroErrorIsHarmless(t *testing.T) {
	t.Parallel()
	var e netguard.Error
	assert.Empty(t, e.Error())
	assert.Empty(t, e.Detail())
	assert.False(t, e.Timeout())
	require.NotErrorIs(t, &e, netguard.ErrBlocked)
}
