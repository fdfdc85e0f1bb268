package idempotency_test

import (
	"maps"
	"net/http"
	"sync"

	"github.com/bracework/bracework/idempotency"
)

// middleware wraps a handler, with an empty store behind it, and returns what
// closes the store.
type middleware func(http.Handler) (http.Handler, func())

func bare(next http.Handler) (http.Handler, func()) { return next, func() {} }

func bracework(next http.Handler) (http.Handler, func()) {
	// Without a cap, as the others are.
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{MaxBytes: -1})
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	if err != nil {
		panic(err)
	}
	return m.Handler(next), func() {
		_ = m.Close()
		_ = store.Close()
	}
}

// naive remembers answers by key. It does nothing about two requests at once,
// other bodies, expiry, or the size of all this.
func naive(next http.Handler) (http.Handler, func()) {
	var mu sync.Mutex
	kept := map[string]*recorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(keyHeader)
		if key == "" {
			next.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		rec := kept[key]
		mu.Unlock()
		if rec == nil {
			rec = &recorder{header: http.Header{}, status: http.StatusOK}
			next.ServeHTTP(rec, r)
			rec.header = rec.header.Clone()
			mu.Lock()
			kept[key] = rec
			mu.Unlock()
		}
		maps.Copy(w.Header(), rec.header)
		w.WriteHeader(rec.status)
		_, _ = w.Write(rec.body)
	}), func() {}
}

type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (rec *recorder) Header() http.Header { return rec.header }

func (rec *recorder) WriteHeader(code int) { rec.status = code }

func (rec *recorder) Write(p []byte) (int, error) {
	rec.body = append(rec.body, p...)
	return len(p), nil
}
