package limittest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// service is a recipe that serves, behind a proxy that names tenants and
// addresses.
type service struct {
	*Service
	limiter *ratelimit.Limiter
	client  *http.Client
}

func start(t *testing.T, r Recipe, cfg ratelimit.Config) *service {
	t.Helper()
	return startKeyed(t, r, ratelimit.ByHeader("X-Tenant"), cfg)
}

func startKeyed(t *testing.T, r Recipe, key ratelimit.KeyFunc, cfg ratelimit.Config) *service {
	t.Helper()
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	l, err := ratelimit.New(store, key, tierOf, cfg)
	require.NoError(t, err)
	s := &Service{next: make(chan struct{})}
	return &service{Service: s, limiter: l, client: serve(t, r.New(l, s))}
}

// tierOf knows who has paid by the name.
func tierOf(r *http.Request) (ratelimit.Tier, error) {
	if strings.HasPrefix(r.Header.Get("X-Tenant"), "paid") {
		return ratelimit.Paid, nil
	}
	return ratelimit.Free, nil
}

func byAddress(t *testing.T) ratelimit.KeyFunc {
	t.Helper()
	res, err := ratelimit.NewIPResolver([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ratelimit.IPConfig{})
	require.NoError(t, err)
	return ratelimit.ByIP(res)
}

type answer struct {
	status int
	header http.Header
	body   string
}

// quota is X-RateLimit-Remaining of X-RateLimit-Limit.
func (a answer) quota() string {
	return a.header.Get("X-RateLimit-Remaining") + " of " + a.header.Get("X-RateLimit-Limit")
}

func (a answer) order(t *testing.T) (o Order) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &o))
	return o
}

// refused asserts the refusal of the policies, and when to come back.
func (a answer) refused(t *testing.T, wait string, ms int, policies ...string) {
	t.Helper()
	assert.Equal(t, http.StatusTooManyRequests, a.status)
	assert.Equal(t, wait, a.header.Get("Retry-After"))
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
	assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var doc struct {
		Type     string
		Status   int
		Violated []string `json:"violated-policies"`
		WaitMS   int      `json:"retry_after_ms"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &doc), "one document and nothing behind it: %s", a.body)
	assert.Equal(t, "https://iana.org/assignments/http-problem-types#quota-exceeded", doc.Type)
	assert.Equal(t, http.StatusTooManyRequests, doc.Status)
	assert.Equal(t, policies, doc.Violated)
	assert.Equal(t, ms, doc.WaitMS)
}

// get returns when the server is done with the request too.
func (s *service) get(t *testing.T, path, tenant string, header ...string) answer {
	t.Helper()
	resp := s.open(t, path, tenant, header...)
	body, _ := io.ReadAll(resp.Body) // of a response that was cut short, what came
	require.NoError(t, resp.Body.Close())
	synctest.Wait()
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (s *service) open(t *testing.T, path, tenant string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://limit.test"+path, nil)
	require.NoError(t, err)
	r.Header.Set("X-Tenant", tenant)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	require.NoError(t, err)
	return resp
}

// tokens is what the bucket of a tenant holds, of 10.
func (s *service) tokens(t *testing.T, tenant string) int {
	t.Helper()
	d, err := s.limiter.Take(t.Context(), tenant, ratelimit.Free, 0)
	require.NoError(t, err)
	return d.Tokens
}
