package connectors_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/memhttp"
)

// through makes a client dial the server's pipe with its own transport.
func through(t *testing.T, srv *memhttp.Server, cfg connectors.ClientConfig) *connectors.Client {
	t.Helper()
	c := client(t, cfg)
	connectors.TransportOf(c).DialContext = srv.Client().Transport.(*http.Transport).DialContext
	return c
}

// silent is a handler that reads the request and does not end on its own.
func silent(start string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if start != "" {
			_, _ = io.WriteString(w, start)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
}

func TestLimitsAreExact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		cfg   connectors.ClientConfig
		start string // what the server sends before it falls silent
		want  time.Duration
	}{
		{"no header: 8 s", connectors.ClientConfig{}, "", 8 * time.Second},
		{"body stalls: 10 s in all", connectors.ClientConfig{}, "1", 10 * time.Second},
		{"no header, a short limit", connectors.ClientConfig{Timeout: time.Second}, "", time.Second},
		{"body stalls, a short limit", connectors.ClientConfig{Timeout: time.Second}, "1", time.Second},
		{"no header, a long limit", connectors.ClientConfig{Timeout: time.Minute}, "", 48 * time.Second},
		{"body stalls, a long limit", connectors.ClientConfig{Timeout: time.Minute}, "1", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := through(t, memhttp.New(t, silent(tt.start)), tt.cfg)
				start := time.Now()
				_, body, err := post(t.Context(), c, memhttp.URL)
				assert.Equal(t, tt.want, time.Since(start))
				e := typed(t, err)
				assert.Equal(t, connectors.KindTimeout, e.Kind)
				assert.False(t, e.Unsent)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, tt.start, body)
			})
		})
	}
}

func TestTLSLimitIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(t, connectors.ClientConfig{Attempts: -1})
		connectors.TransportOf(c).DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			t.Cleanup(func() { _ = far.Close() })
			go func() { _, _ = io.Copy(io.Discard, far) }()
			return near, nil
		}
		start := time.Now()
		_, _, err := post(t.Context(), c, "https://mem.test")
		assert.Equal(t, 3*time.Second, time.Since(start))
		e := typed(t, err)
		assert.Equal(t, connectors.KindTimeout, e.Kind)
		assert.True(t, e.Unsent)
	})
}

func TestCancelIsImmediate(t *testing.T) {
	t.Parallel()
	for name, started := range map[string]string{"before the header": "", "within the body": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := through(t, memhttp.New(t, silent(started)), connectors.ClientConfig{})
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				_, _, err := post(ctx, c, memhttp.URL)
				assert.Equal(t, time.Second, time.Since(start))
				assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
			})
		})
	}
}

func TestTimeoutEndsWithTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := memhttp.New(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(8*time.Second - 1)
			_, _ = io.WriteString(w, "1")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(2 * time.Second) // one nanosecond before the limit
			_, _ = io.WriteString(w, "2")
		}))
		_, body, err := post(t.Context(), through(t, srv, connectors.ClientConfig{}), memhttp.URL)
		require.NoError(t, err)
		assert.Equal(t, "12", body)
	})
}

// A byte a second keeps every phase alive; only the limit of the whole call ends
// it.
func TestDrippingBodyEndsWithTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := memhttp.New(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second) // the bubble's second
			}
		}))
		start := time.Now()
		_, body, err := post(t.Context(), through(t, srv, connectors.ClientConfig{}), memhttp.URL)
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
		assert.GreaterOrEqual(t, len(body), 9)
	})
}
