package recipetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// service is a recipe that serves on loopback.
type service struct {
	*Service
	url    string
	client *http.Client
}

func start(t *testing.T, r Recipe) *service {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	require.NoError(t, err)
	s := newService()
	srv := httptest.NewUnstartedServer(r.New(m, s))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(s.Open) // before Close, which waits for the handlers
	client := srv.Client()
	client.Timeout = 20 * time.Second
	return &service{Service: s, url: srv.URL, client: client}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) replayed() bool { return a.header.Get("X-Idempotency-Replay") == "true" }

// result is the header that belongs to the result and not to one sending.
func (a answer) result() http.Header {
	h := a.header.Clone()
	h.Del("Date")
	h.Del("X-Idempotency-Replay")
	return h
}

func (a answer) charge(t *testing.T) (c Charge) {
	t.Helper()
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &c))
	return c
}

// open sends a request and returns its response, of which the body is to come.
// Goroutines call it, so it does not end the test.
func (s *service) open(ctx context.Context, t testing.TB, path, key string, o Order) *http.Response {
	body, err1 := json.Marshal(o)
	r, err2 := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err := errors.Join(err1, err2); err != nil {
		t.Errorf("request: %v", err)
		return nil
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(r)
	if !assert.NoError(t, err) {
		return nil
	}
	return resp
}

const path = "/accounts/acme/charges"

func (s *service) post(t testing.TB, key string, o Order) answer {
	t.Helper()
	return s.postTo(t, path, key, o)
}

func (s *service) postTo(t testing.TB, path, key string, o Order) answer {
	t.Helper()
	resp := s.open(t.Context(), t, path, key, o)
	if resp == nil {
		return answer{}
	}
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// settled repeats a request until it is not in flight.
func (s *service) settled(t testing.TB, key string, o Order) answer {
	t.Helper()
	for {
		a := s.post(t, key, o)
		if a.status != http.StatusConflict || t.Context().Err() != nil {
			return a
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// wasLogged asserts what the framework's logger saw. It reports after the
// client has its answer.
func (s *service) wasLogged(t *testing.T, want ...int) {
	t.Helper()
	assert.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, s.log()) }, 5*time.Second, 5*time.Millisecond)
}
