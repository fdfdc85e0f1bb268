package recipetest

import (
	"bytes"
	"encoding/json"
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

func start(t *testing.T, r Recipe, endpoint http.Handler) *service {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	s := &Service{Endpoint: endpoint}
	srv := httptest.NewUnstartedServer(r.New(protection(t, store), s))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
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

func (a answer) charge(t *testing.T) (c Charge) {
	t.Helper()
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &c))
	return c
}

const path = "/accounts/acme/charges"

func (s *service) post(t *testing.T, key string, o Order) answer {
	t.Helper()
	return s.postTo(t, path, key, o)
}

func (s *service) postTo(t *testing.T, path, key string, o Order) answer {
	t.Helper()
	a, err := s.try(t, path, key, o)
	require.NoError(t, err)
	return a
}

func (s *service) try(t *testing.T, path, key string, o Order) (answer, error) {
	t.Helper()
	order, err := json.Marshal(o)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(order))
	require.NoError(t, err)
	authenticate(r, 0)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// wasLogged asserts what the framework's logger saw. It reports after the
// client has its answer.
func (s *service) wasLogged(t *testing.T, want ...int) {
	t.Helper()
	assert.EventuallyWithT(t, func(c *assert.CollectT) { assert.Equal(c, want, s.log()) }, 5*time.Second, 5*time.Millisecond)
}
