// Package idempotency makes unsafe HTTP requests safe to retry: of all requests
// with the same Idempotency-Key one runs, and the others get its response.
//
// [New] wraps any [http.Handler]. It starts no goroutine. A renewal of a lease
// takes one while it lasts, and so does a call to a store other than
// [MemoryStore], which may hang; what outlives its request, after a failure of
// the store, is what [Middleware.Close] waits for. [NewMemoryStore] starts a janitor and has a Close of its own. Packages
// sqlstore and redisstore keep records in PostgreSQL, SQLite and Redis; storetest
// and idempotencytest check stores and whole services.
//
// # Model
//
// The header X-Idempotency-Key or Idempotency-Key carries the key, bare or as
// the quoted String of the IETF draft "The Idempotency-Key HTTP Header Field".
// It counts within a scope, the tenant or principal that the [ScopeFunc] names,
// so that nobody can reach another's responses. The first request claims the
// key with a lease, runs, and stores its response for 24 hours; the claim is
// fenced by a token, so that an attempt that lost its lease overwrites nothing.
//
// What clients see, as application/problem+json (RFC 9457) where it is a
// refusal:
//
//	same request, completed        the same status, body and headers, X-Idempotency-Replay: true
//	same request, still running    409 and Retry-After, after [Config.Wait]
//	same key, other request        422, also while the first is running
//	same request, response lost    409 with a type of its own; never a second run
//	  (too large, cut off, hijacked, damaged, or dropped to make room)
//	key malformed or doubled       400
//	key missing                    passed on untouched, or 400 with RequireKey
//	scope unknown                  403
//	body over the cap              413
//	store down                     503 and Retry-After; the handler does not run
//
// Two requests are the same when method, path, query, Content-Type and body
// are equal; [Config.Fingerprint] can look closer, such as [JSONFingerprint].
//
// # Guarantees and limits
//
// While the store keeps its records, a handler that returned with a stored
// status runs once per key. It may run again, with a higher [Info.Attempt],
// when an earlier attempt did not end in a stored response: its process died
// or ran longer than [Config.MaxRun] (after the lease ends), it panicked, its
// status is one that [Config.StoreResponse] refuses, or the store stayed down
// until the lease ended. Where the effect is in a SQL database, sqlstore's InTx
// commits it together with the response, and it happens exactly once.
//
// A handler that calls a system which knows no idempotency keys has to decide
// what a failure there means. A 5xx answer is not stored, so a retry calls
// again: right when the call did not arrive, a doubled effect when it may have.
// Answer the unclear case with a status that [Config.StoreResponse] keeps.
//
// A client that disconnects cancels neither the handler nor the saving of its
// response. Nothing is sent before the response is saved, unless the handler
// flushes, so an immediate retry is answered by replay. Flushed responses are
// recorded too. A hijacked connection counts as run, and is never replayed.
//
// Only headers that the handler itself set or changed are stored, never
// Set-Cookie, Date, trailers' declarations or hop-by-hop headers; a replay sets
// them in place of equally named ones and merges Vary; a header of an outer
// layer that the handler removed is there again. Request bodies of keyed
// requests are read into memory before the handler runs.
//
// Put authentication and rate limits outside of this middleware, compression
// too. The page docs/idempotency.md of the repository has the wiring of routers
// and browsers, and each fault with what becomes of it.
package idempotency

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// Middleware is the idempotency layer. Its methods may be called concurrently.
type Middleware struct {
	store Store
	scope ScopeFunc
	cfg   Config
	tasks tasks

	// memory is store when that is one in memory, which takes no time, and so
	// no context that bounds it.
	memory *MemoryStore
	inputs inputPool
	stuck  atomic.Int64 // calls of the store that were given up and are not over
}

// New returns a Middleware over store whose keys count within scope. Neither
// may be nil: use [SingleTenant] where there is nobody to tell apart. All
// misconfigurations are reported, in one error.
func New(store Store, scope ScopeFunc, cfg Config) (*Middleware, error) {
	var noStore, noScope error
	if store == nil {
		noStore = errors.New("idempotency: store is nil")
	}
	if scope == nil {
		noScope = errors.New("idempotency: scope is nil")
	}
	cfg, err := cfg.withDefaults()
	if err := errors.Join(noStore, noScope, err); err != nil {
		return nil, err
	}
	m := &Middleware{store: store, scope: scope, cfg: cfg, tasks: tasks{stop: make(chan struct{})}}
	m.memory, _ = store.(*MemoryStore)
	return m, nil
}

// Close waits for the work that outlives requests: the release of a claim
// whose answer was lost, the next tries to save a response. It waits for two
// calls to the store, each bounded by [Config.StoreTimeout]. Requests are still served after Close. It returns nil
// and may be called more than once.
func (m *Middleware) Close() error {
	m.tasks.close()
	return nil
}

// Handler wraps next. A request whose key in its scope was claimed further out
// is not claimed again: a middleware mounted twice acts once.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m.protects(r) {
			next.ServeHTTP(w, r)
			return
		}
		key, err := m.keyOf(r)
		if key == "" && err == nil && !m.cfg.RequireKey {
			next.ServeHTTP(w, r)
			return
		}
		m.serve(w, r, next, key, err)
	})
}

func (m *Middleware) protects(r *http.Request) bool {
	return slices.Contains(m.cfg.Methods, r.Method) && (m.cfg.Skip == nil || !m.cfg.Skip(r))
}

func (m *Middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler, key string, keyErr error) {
	lookup, ref := m.lookup(r, key, keyErr)
	if outer, ok := runOf(r.Context()); ok && ref == nil && outer.req.Key == lookup {
		next.ServeHTTP(w, r) // claimed further out
		return
	}
	var event Event
	if m.cfg.Observer != nil {
		event.Method = r.Method
		start := time.Now()
		defer func() {
			if event.Outcome != "" { // a function of the caller panicked before there was one
				event.Duration = time.Since(start)
				m.observe(r.Context(), event)
			}
		}()
	}
	if ref == nil {
		ref = m.answer(w, r, next, lookup, key, &event)
	}
	if ref != nil {
		event.Outcome, event.Status = ref.outcome, m.refuse(w, ref)
	}
}

// lookup validates the key and its scope, before any store is asked.
func (m *Middleware) lookup(r *http.Request, key string, keyErr error) (Key, *refusal) {
	switch {
	case keyErr != nil:
		return Key{}, refuseKeyInvalid()
	case key == "":
		return Key{}, refuseKeyMissing()
	}
	scope, err := m.scope(r)
	if err != nil || scope == "" {
		if err != nil {
			m.log(r.Context(), slog.LevelWarn, "Idempotency scope refused", slog.Any("error", err))
		}
		return Key{}, refuseScope()
	}
	return lookupKey(scope, key), nil
}

// answer answers a keyed request, or returns how to refuse it.
func (m *Middleware) answer(w http.ResponseWriter, r *http.Request, next http.Handler, lookup Key, key string, event *Event) *refusal {
	k := keyed{req: ClaimRequest{Key: lookup}, input: m.inputs.get()}
	defer m.inputs.put(k.input)
	if ref := m.read(&k, r); ref != nil {
		return ref
	}
	ctx := r.Context()
	claim, asked, err := m.claimWaiting(ctx, k.req)
	switch {
	case err != nil && m.cfg.FailOpen && !errors.Is(err, ErrStoreFull):
		m.log(ctx, slog.LevelError, "Idempotency store failed, request runs unprotected", slog.Any("error", err))
		m.runUnprotected(w, r, next, &k, event)
		return nil
	case err != nil:
		m.log(ctx, slog.LevelError, "Idempotency store failed, request refused", slog.Any("error", err))
		return refuseStoreDown()
	case claim.State == Claimed:
		event.Attempt = claim.Attempt
		run := &run{m: m, req: k.req, info: Info{Key: key, Attempt: claim.Attempt}}
		k.takeBody(r, &run.body)
		run.serve(w, r, next, asked, event)
		return nil
	case claim.State == Replay:
		resp, err := decodeRecord(claim.Record)
		if err != nil {
			return refuseNoReplay()
		}
		event.Outcome, event.Status = OutcomeReplayed, resp.status
		m.replay(w, r, resp)
		return nil
	case claim.State == Mismatch:
		return refuseMismatch()
	default: // Busy, and what a store of a later version may add
		return refuseInFlight()
	}
}

func (m *Middleware) runUnprotected(w http.ResponseWriter, r *http.Request, next http.Handler, k *keyed, event *Event) {
	k.takeBody(r, new(httpx.Body))
	rec := httpx.NewRecorder(w)
	event.Outcome = OutcomeUnprotected
	defer func() { event.Status = rec.Status() }()
	next.ServeHTTP(rec.Writer(), r)
}
