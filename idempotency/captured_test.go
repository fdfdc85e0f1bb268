package idempotency_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// charged writes an answer.
func charged(w http.ResponseWriter) {
	w.Header().Set("X-Charge", "ch_1")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "charged")
}

// save is what a store does with the record in the transaction.
func save(ctx context.Context, store idempotency.Store, c *idempotency.Captured) error {
	rec, ttl, err := c.Seal()
	if err != nil {
		return err
	}
	return store.Complete(ctx, c.Key, c.Token, rec, ttl)
}

// must is for handlers, whose panic the test sees.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	refused := errors.New("no funds")
	tests := []struct {
		name   string
		h      func(w http.ResponseWriter, r *http.Request, c *idempotency.Captured, s *faulty)
		first  int
		second int // of a retry
		replay bool
		event  idempotency.Outcome
	}{
		{"committed", func(w http.ResponseWriter, r *http.Request, c *idempotency.Captured, s *faulty) {
			charged(w)
			must(save(r.Context(), s, c))
			c.Committed()
			_, err := io.WriteString(w, "late")
			assert.Equal(t, idempotency.ErrSealed, err)
			w.WriteHeader(http.StatusTeapot)
		}, 201, 201, true, idempotency.OutcomeStored},
		{"committed, and the middleware is not told", func(w http.ResponseWriter, r *http.Request, c *idempotency.Captured, s *faulty) {
			charged(w)
			must(save(r.Context(), s, c))
		}, 201, 201, true, idempotency.OutcomeStored},
		{"sealed, and never committed", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			charged(w)
			_, _, err := c.Seal()
			must(err)
		}, 500, 201, false, idempotency.OutcomeRolledBack},
		{"sealed, and the store does not answer", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, s *faulty) {
			charged(w)
			_, _, err := c.Seal()
			must(err)
			s.set(func() { s.claim = errDown })
		}, 503, 409, false, idempotency.OutcomeInDoubt},
		{"discarded", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			charged(w)
			c.Discard(refused)
		}, 500, 201, false, idempotency.OutcomeRolledBack},
		{"discarded without a reason", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			charged(w)
			c.Discard(nil)
		}, 500, 201, false, idempotency.OutcomeRolledBack},
		{"discarded after Seal, and answered otherwise", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			charged(w)
			_, _, err := c.Seal()
			must(err)
			c.Discard(refused)
			w.WriteHeader(http.StatusPaymentRequired)
		}, 402, 201, false, idempotency.OutcomeRolledBack},
		{"lost", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			charged(w)
			c.Discard(idempotency.ErrLeaseLost)
		}, 409, 201, false, idempotency.OutcomeLeaseLost},
		{"overtaken, and it shows as a context that ended", func(w http.ResponseWriter, r *http.Request, c *idempotency.Captured, s *faulty) {
			charged(w)
			s.set(func() { s.extend = idempotency.ErrLeaseLost })
			<-r.Context().Done()
			s.set(func() { s.extend = nil })
			c.Discard(r.Context().Err())
		}, 409, 201, false, idempotency.OutcomeLeaseLost},
		{"a status that is not kept", func(w http.ResponseWriter, _ *http.Request, c *idempotency.Captured, _ *faulty) {
			w.WriteHeader(http.StatusBadGateway)
			_, _, err := c.Seal()
			assert.ErrorIs(t, err, idempotency.ErrNotStored)
		}, 502, 201, false, idempotency.OutcomeReleased},
		{"only held", func(w http.ResponseWriter, _ *http.Request, _ *idempotency.Captured, _ *faulty) {
			charged(w)
		}, 201, 201, true, idempotency.OutcomeStored},
		{"nothing written", func(_ http.ResponseWriter, r *http.Request, c *idempotency.Captured, s *faulty) {
			must(save(r.Context(), s, c))
			c.Committed()
		}, 200, 200, true, idempotency.OutcomeStored},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *faulty
			f, s := setupFaulty(t, func(w http.ResponseWriter, r *http.Request) {
				c, ok := idempotency.Capture(r.Context())
				assert.True(t, ok)
				info, _ := idempotency.FromContext(r.Context())
				if info.Attempt > 1 {
					charged(w)
					return
				}
				tt.h(w, r, c, s)
			}, func(c *idempotency.Config) {
				if strings.HasPrefix(tt.name, "overtaken") {
					c.Lease = 200 * time.Millisecond
				}
			})
			resp := f.post("k", "")
			require.Equal(t, tt.first, resp.StatusCode)
			if tt.first >= 500 && tt.first != 502 {
				assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
				assert.Empty(t, resp.Header.Get("X-Charge"), "nothing of the dropped response is left")
				assert.NotEmpty(t, resp.Header.Get("Retry-After"))
			}
			assert.Equal(t, tt.event, f.outcomes()[0])
			s.set(func() { s.claim = nil })
			again := f.post("k", "")
			assert.Equal(t, tt.second, again.StatusCode)
			assert.Equal(t, tt.replay, replayed(again))
		})
	}
}

func TestCaptureHoldsEverythingBack(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100)
	f := setup(t, func(w http.ResponseWriter, r *http.Request) {
		c, _ := idempotency.Capture(r.Context())
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, big)
		assert.NoError(t, http.NewResponseController(w).Flush())
		_, _, err := w.(http.Hijacker).Hijack()
		assert.ErrorIs(t, err, http.ErrNotSupported)
		rec, ttl, err := c.Seal()
		must(err)
		assert.Less(t, len(rec), 20, "over the cap: a tombstone")
		assert.Equal(t, time.Minute, ttl)
		c.Discard(errors.New("rolled back"))
	}, func(c *idempotency.Config) { c.MaxResponseBody, c.TTL = 99, time.Minute })
	post := f.serve()
	for range 2 { // released after each
		resp := post()
		assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		assert.NotContains(t, text(t, resp), big)
	}
}

func TestCaptureOfWhatHasBegunToLeave(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		c, _ := idempotency.Capture(r.Context())
		_, _, err := c.Seal()
		assert.Error(t, err)
	})
	f.post("k", "")
	assert.True(t, replayed(f.post("k", "")))
}

func TestCaptureWithoutAKey(t *testing.T) {
	t.Parallel()
	f := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		_, ok := idempotency.Capture(r.Context())
		assert.False(t, ok)
	})
	f.do(httptest.NewRequest(http.MethodPost, "/", nil))
}
