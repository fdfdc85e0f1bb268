// Package idempotencytest checks that a service is wired so that retries are
// safe: router, authentication, the other middlewares, [idempotency.Middleware]
// and its store together, over real HTTP on the loopback interface.
//
// The middleware keeps its promises by itself. A service can lose them all the
// same: with compression inside of it, a scope that is equal for two tenants, a
// recorder further out that forgets a status, a store that is not the one that
// was meant. [Run] puts an endpoint of its own behind the whole wiring, and
// failures between the middleware and the store, and looks at what clients see.
package idempotencytest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// Harness says how a service is built and what is special about it. Only Wire
// is required.
type Harness struct {
	// Wire builds the service as it runs in production, with next as the
	// endpoint at Method and Path. It gives store to [idempotency.New]. It is
	// called once for each rule, and releases what it holds, such as the
	// middleware, with t.Cleanup.
	Wire func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler
	// Store returns a store with no record of an earlier rule, which outlives
	// the test t. Default: a MemoryStore that is closed at the end of t.
	Store func(t *testing.T) idempotency.Store
	// Config is what Wire gives to [idempotency.New]: the suite has to know
	// headers, caps, timeouts and policies. Default: the defaults.
	//
	// Rules that wait for a renewal need a Lease of at most 3 s, rules of a
	// store that hangs a StoreTimeout of at most 5 s; they are skipped
	// otherwise.
	Config idempotency.Config
	// Method and Path lead to the endpoint. Default: POST /idempotencytest.
	Method, Path string
	// Prepare, when set, makes a request acceptable for the service: it adds
	// credentials or a signature. tenant is 0 or 1, for callers who must not
	// reach each other's responses. It is called last, when the headers are
	// complete; r.GetBody returns the body.
	Prepare func(r *http.Request, tenant int)
	// SingleTenant says that all callers share one set of keys.
	SingleTenant bool
	// Skip names rules that the service breaks on purpose, as the subtests are
	// called, each with the reason: http.TimeoutHandler, for example, knows
	// neither trailers nor interim responses. An unknown name fails the test.
	Skip map[string]string

	patience time.Duration // how long the suite waits for what must happen
}

const (
	// defaultPatience is far beyond what anything takes while no rule is broken.
	defaultPatience = 10 * time.Second
	// longestLease and longestTimeout are what the suite waits for at all.
	longestLease   = 3 * time.Second
	longestTimeout = 5 * time.Second
	// margin is what a slow machine may take on top of a timeout.
	margin = 3 * time.Second
)

// Run checks every rule in a subtest of its own, with a fresh store and server.
// The subtests run one after another. When the endpoint is not reached through
// the middleware at all, only the first one runs.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h = h.withDefaults()
	require.NotNil(t, h.Wire, "Harness.Wire is required")
	require.Contains(t, h.Config.Methods, h.Method, "Harness.Method is none of the methods that are protected")
	require.Empty(t, h.unknownSkips(), "Harness.Skip names no rule of the suite")
	for i, r := range allRules() {
		ok := t.Run(r.name, func(t *testing.T) {
			if reason, skipped := h.skips(r.name); skipped {
				t.Skip(reason)
			}
			check(t, t, h, r)
		})
		if i == 0 && !ok {
			t.Log("The other rules were not checked: all of them build on this one.")
			return
		}
	}
}

func (h Harness) withDefaults() Harness {
	h.Method = cmp.Or(h.Method, http.MethodPost)
	h.Path = cmp.Or(h.Path, "/idempotencytest")
	h.patience = cmp.Or(h.patience, defaultPatience)
	if h.Store == nil {
		h.Store = newMemoryStore
	}
	c := &h.Config
	if c.KeyHeaders == nil {
		c.KeyHeaders = []string{"X-Idempotency-Key", "Idempotency-Key"}
	}
	if c.Methods == nil {
		c.Methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	}
	c.ReplayHeader = cmp.Or(c.ReplayHeader, "X-Idempotency-Replay")
	c.MaxKeyLength = cmp.Or(c.MaxKeyLength, 255)
	c.Lease = cmp.Or(c.Lease, 30*time.Second)
	c.StoreTimeout = cmp.Or(c.StoreTimeout, 2*time.Second)
	c.MaxRequestBody = cmp.Or(c.MaxRequestBody, 1<<20)
	c.MaxResponseBody = cmp.Or(c.MaxResponseBody, 1<<20)
	return h
}

func newMemoryStore(t *testing.T) idempotency.Store {
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// skips finds a rule by its name, also as the testing package prints it.
func (h Harness) skips(rule string) (reason string, skipped bool) {
	for name, reason := range h.Skip {
		if plainName(name) == plainName(rule) {
			return cmp.Or(reason, "skipped by the harness"), true
		}
	}
	return "", false
}

func (h Harness) unknownSkips() []string {
	var unknown []string
	for name := range h.Skip {
		if !slices.ContainsFunc(allRules(), func(r rule) bool { return plainName(r.name) == plainName(name) }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func plainName(name string) string { return strings.ReplaceAll(name, "_", " ") }
