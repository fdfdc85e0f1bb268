package gin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	recipe "github.com/bracework/bracework/examples/frameworks/gin"
)

func protection(t *testing.T) *idempotency.Middleware {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	require.NoError(t, err)
	return m
}

const path = "/accounts/acme/charges"

func post(t *testing.T, h http.Handler, key string) *http.Response {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader("{}"))
	require.NoError(t, err)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := srv.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

// render answers with the errors that handlers noted, as many services do.
func render(c *gin.Context) {
	c.Next()
	if len(c.Errors) > 0 && !c.Writer.Written() {
		c.JSON(http.StatusBadGateway, gin.H{"error": c.Errors.Last().Error()})
	}
}

func TestNotedErrors(t *testing.T) {
	t.Parallel()
	runs := 0
	fail := func(c *gin.Context) {
		runs++
		_ = c.Error(errors.New("declined"))
	}
	protect := recipe.Middleware(protection(t))
	for _, tt := range []struct {
		name   string
		key    string
		chain  []gin.HandlerFunc
		status int
		body   string
	}{
		{"rendered inside", "k", []gin.HandlerFunc{protect, render, fail}, 502, `{"error":"declined"}`},
		{"rendered outside, too late", "k", []gin.HandlerFunc{render, protect, fail}, 500, ""},
		{"rendered outside, without a key", "", []gin.HandlerFunc{render, protect, fail}, 502, `{"error":"declined"}`},
		{"not rendered", "k", []gin.HandlerFunc{protect, fail}, 500, ""},
	} {
		r := gin.New()
		r.POST(path, tt.chain...)
		resp := post(t, r, tt.key)
		assert.Equal(t, tt.status, resp.StatusCode, tt.name)
		assert.Equal(t, tt.body, body(t, resp), tt.name)
	}
	assert.Equal(t, 4, runs, "none was kept")
}

// An outer middleware finds the context as it left it, and what happened.
func TestOuterMiddlewaresSeeTheAnswer(t *testing.T) {
	t.Parallel()
	var aborted, written []bool
	r := gin.New()
	r.Use(func(c *gin.Context) {
		w, req := c.Writer, c.Request
		c.Next()
		assert.Same(t, w, c.Writer)
		assert.Same(t, req, c.Request)
		assert.Equal(t, http.StatusNoContent, c.Writer.Status())
		aborted, written = append(aborted, c.IsAborted()), append(written, c.Writer.Written())
	}, recipe.Middleware(protection(t)))
	runs := 0
	r.POST(path, func(c *gin.Context) {
		runs++
		assert.False(t, c.Writer.Written())
		assert.Equal(t, -1, c.Writer.Size())
		c.Status(http.StatusNoContent)
	})
	post(t, r, "k")
	post(t, r, "k")
	assert.Equal(t, 1, runs)
	assert.Equal(t, []bool{false, true}, aborted)
	assert.Equal(t, []bool{true, true}, written)
}

// Gin demands an http.CloseNotifier of the writer below its own.
func TestStreamOfGin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		service func(*idempotency.Middleware, gin.HandlerFunc, ...gin.HandlerFunc) http.Handler
		h2      bool
		status  int
		body    string
	}{
		{"works per route", recipe.PerRoute, false, 200, "aaa"},
		{"works per route over HTTP 2", recipe.PerRoute, true, 200, "aaa"},
		{"works in a wrapped engine", recipe.Whole, false, 200, "aaa"},
		{"works in a wrapped engine over HTTP 2", recipe.Whole, true, 200, "aaa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewUnstartedServer(tt.service(protection(t), func(c *gin.Context) {
				n := 0
				c.Stream(func(w io.Writer) bool {
					n++
					_, _ = io.WriteString(w, "a")
					return n < 3
				})
			}, recovery()))
			srv.EnableHTTP2 = tt.h2
			srv.StartTLS()
			t.Cleanup(srv.Close)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, nil)
			require.NoError(t, err)
			r.Header.Set("Idempotency-Key", "k")
			resp, err := srv.Client().Do(r)
			require.NoError(t, err)
			t.Cleanup(func() { _ = resp.Body.Close() })
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.body, body(t, resp))
		})
	}
}

// Why there is a Recovery. Should this fail one day, Gin has learned it.
func TestRecoveryOfGinAnswersWithSuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		service func(*idempotency.Middleware, gin.HandlerFunc, ...gin.HandlerFunc) http.Handler
		runs    int
	}{
		{"not kept per route", recipe.PerRoute, 2},
		{"kept in a wrapped engine", recipe.Whole, 1},
	} {
		for _, reason := range []error{http.ErrAbortHandler, fmt.Errorf("database: %w", syscall.ECONNRESET)} {
			runs := 0
			h := tt.service(protection(t), func(*gin.Context) {
				runs++
				panic(reason)
			}, gin.RecoveryWithWriter(io.Discard))
			for range 2 {
				resp := post(t, h, "k")
				assert.Equal(t, http.StatusOK, resp.StatusCode, tt.name)
				assert.Empty(t, body(t, resp), tt.name)
			}
			assert.Equal(t, tt.runs, runs, "%s: %v", tt.name, reason)
		}
	}
}

// Gin's own stream ends with its client. Kept in that state it would be
// replayed as the whole.
func TestStreamOutlivesItsClient(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	h := recipe.PerRoute(protection(t), func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			n++
			_, _ = io.WriteString(w, "a")
			if n == 2 {
				<-gone
			}
			return n < 4
		})
	})
	var first sync.Once
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { context.AfterFunc(r.Context(), func() { close(gone) }) }) // when net/http notices
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	send := func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Idempotency-Key", "k")
		return srv.Client().Do(r)
	}
	left, err := send()
	require.NoError(t, err)
	require.NoError(t, left.Body.Close())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		retry, err := send()
		if !assert.NoError(c, err) {
			return
		}
		defer func() { _ = retry.Body.Close() }()
		all, err := io.ReadAll(retry.Body)
		assert.NoError(c, err)
		assert.Equal(c, "aaaa", string(all))
		assert.Equal(c, "true", retry.Header.Get("X-Idempotency-Replay"))
	}, 5*time.Second, 20*time.Millisecond)
}

func TestHijack(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.POST(path, recipe.Middleware(protection(t)), func(c *gin.Context) {
		conn, _, err := c.Writer.Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		}
		assert.True(t, c.Writer.Written())
	})
	assert.Equal(t, http.StatusAccepted, post(t, r, "k").StatusCode)
	assert.Equal(t, http.StatusConflict, post(t, r, "k").StatusCode, "it ran, and cannot be replayed")
}
