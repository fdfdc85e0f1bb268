package idempotency_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func TestForeverDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]option{
		"TTL":    func(c *idempotency.Config) { c.TTL = math.MaxInt64 },
		"Lease":  func(c *idempotency.Config) { c.Lease = math.MaxInt64 },
		"SetTTL": func(*idempotency.Config) {},
	} {
		f := setup(t, func(_ http.ResponseWriter, r *http.Request) {
			if name == "SetTTL" {
				idempotency.SetTTL(r.Context(), math.MaxInt64)
			}
		}, opt)
		f.post("k", "")
		assert.True(t, replayed(f.post("k", "")), name)
	}
	s := idempotency.NewMemoryStore(idempotency.MemoryConfig{PurgeEvery: -1})
	req := idempotency.ClaimRequest{Token: idempotency.Token{1}, Lease: math.MaxInt64, TTL: math.MaxInt64}
	_, err := s.Claim(t.Context(), req)
	require.NoError(t, err)
	req.Token = idempotency.Token{2}
	claim, err := s.Claim(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, idempotency.Busy, claim.State)
}

// broken is a store whose claims do not return.
type broken struct {
	idempotency.Store
	quit func()
}

func (s broken) Claim(context.Context, idempotency.ClaimRequest) (idempotency.Claim, error) {
	s.quit()
	return idempotency.Claim{}, nil
}

func TestStoreThatPanics(t *testing.T) {
	t.Parallel()
	for name, quit := range map[string]func(){
		"panic":  func() { panic("bug") },
		"Goexit": func() { (&testing.T{}).SkipNow() },
	} {
		mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
		t.Cleanup(func() { _ = mem.Close() })
		f := setupStore(t, broken{mem, quit}, nil)
		assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode, name)
	}
}

// slow takes its time after a claim, of which the caller knows nothing.
type slow struct {
	idempotency.Store
	after time.Duration
}

func (s slow) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	claim, err := s.Store.Claim(ctx, req)
	time.Sleep(s.after)
	return claim, err
}

func TestClaimAnsweredAfterItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
		t.Cleanup(func() { _ = mem.Close() })
		f := setupStore(t, slow{mem, 100 * time.Millisecond}, nil, func(c *idempotency.Config) { c.Lease = 50 * time.Millisecond })
		assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode)
		assert.Zero(t, f.runs.Load())
		synctest.Wait()
		assert.Zero(t, mem.Stats().InFlight, "it was given back")
	})
}

// A store that was asked, and answered that another attempt is running, is no
// reason to run beside it.
func TestWaitThenStoreDownDoesNotFailOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, s := setupFaulty(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) },
			func(c *idempotency.Config) { c.FailOpen, c.Wait = true, time.Second })
		go f.post("k", "")
		synctest.Wait()
		go func() {
			time.Sleep(10 * time.Millisecond)
			s.set(func() { s.claim = errDown })
		}()
		assert.Equal(t, http.StatusConflict, f.post("k", "").StatusCode)
		assert.EqualValues(t, 1, f.runs.Load())
		s.set(func() { s.claim = nil })
		time.Sleep(time.Hour)
	})
}

func TestRenewalWithoutADeadlineIsPausedQuietly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, _ := setupFaulty(t, func(w http.ResponseWriter, r *http.Request) {
			c, _ := idempotency.Capture(r.Context())
			for range 100 {
				c.PauseRenewal()
				time.Sleep(time.Millisecond)
				c.ResumeRenewal()
				time.Sleep(20 * time.Millisecond)
			}
			c.PauseRenewal()
			time.Sleep(time.Hour)
			assert.NoError(t, r.Context().Err())
			w.WriteHeader(http.StatusCreated)
		}, func(c *idempotency.Config) { c.Lease, c.MaxRun = 50*time.Millisecond, -1 })
		assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
		assert.True(t, replayed(f.post("k", "")))
	})
}

func TestMaxRunIsKeptWhileAStoreHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		f, s := setupFaulty(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			assert.Equal(t, context.DeadlineExceeded, r.Context().Err())
			derived, cancel := context.WithCancel(r.Context())
			defer cancel()
			assert.ErrorIs(t, context.Cause(derived), context.DeadlineExceeded)
		}, func(c *idempotency.Config) { c.MaxRun, c.StoreTimeout = 11*time.Second, 10*time.Second })
		s.set(func() { s.extendHang = time.Hour })
		f.post("k", "")
		assert.Equal(t, 11*time.Second, time.Since(start))
		time.Sleep(2 * time.Hour)
	})
}

func TestTrailersOnTheWire(t *testing.T) {
	t.Parallel()
	flush := func(w http.ResponseWriter) { w.(http.Flusher).Flush() }
	for name, h := range map[string]http.HandlerFunc{
		"set before a flush": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Sum", "1")
			_, _ = io.WriteString(w, "body")
			flush(w)
		},
		"set before the body outgrows the cap": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Sum", "1")
			_, _ = io.WriteString(w, strings.Repeat("x", 2<<20))
		},
		"prefixed before the header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "body")
		},
		"prefixed before a flush": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
			w.WriteHeader(http.StatusOK)
			flush(w)
		},
	} {
		for _, h2 := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				post := setup(t, h).serve(func(s *httptest.Server) { s.EnableHTTP2 = h2 })
				for range 2 {
					resp := post()
					_ = text(t, resp)
					if resp.StatusCode == http.StatusOK {
						assert.Equal(t, http.Header{"X-Sum": {"1"}}, resp.Trailer)
					}
				}
			})
		}
	}
}

func TestTrailerOfALayerOutside(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	inner := f.handler
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Server-Timing")
		inner.ServeHTTP(w, r)
		w.Header().Set("Server-Timing", "total;dur=1")
	})
	post := f.serve()
	for range 2 {
		resp := post()
		_ = text(t, resp)
		assert.Equal(t, "total;dur=1", resp.Trailer.Get("Server-Timing"))
	}
}

func TestCloseNotifyNeverFires(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		notifier, ok := w.(http.CloseNotifier) //nolint:staticcheck // frameworks still ask
		assert.True(t, ok)
		assert.Empty(t, notifier.CloseNotify())
		_, ok = w.(http.Hijacker)
		assert.True(t, ok)
	})
	f.serve()()
}

func TestHeadersUnderOddNames(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["set-cookie"] = []string{"session=secret"}
	})
	f.post("k", "")
	for name := range f.post("k", "").Header {
		assert.False(t, strings.EqualFold(name, "Set-Cookie"), name)
	}
}

func TestRefusalsKeepAnOuterLink(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	inner := f.handler
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		inner.ServeHTTP(w, r)
	})
	resp := f.post("not valid", "")
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Len(t, resp.Header.Values("Link"), 2)
}

func TestScopeErrorIsLogged(t *testing.T) {
	t.Parallel()
	f := setup(t, nil, func(c *idempotency.Config) { c.RequireKey = true })
	var out strings.Builder
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{PurgeEvery: -1})
	m, err := idempotency.New(store, func(*http.Request) (string, error) { return "", errors.New("directory down") },
		idempotency.Config{Logger: textLogger(&out)})
	require.NoError(t, err)
	f.handler = m.Handler(f.handler)
	assert.Equal(t, http.StatusForbidden, f.post("k", "").StatusCode)
	assert.Contains(t, out.String(), "directory down")
}
