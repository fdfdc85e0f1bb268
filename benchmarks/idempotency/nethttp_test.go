package idempotency_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/bracework/bracework/idempotency"
)

// middleware wraps a handler, with an empty store behind it, and returns what
// closes the store.
type middleware func(http.Handler) (http.Handler, func())

// httpExchange reuses one request and one writer, so that what it costs itself
// is little, and the same for all.
type httpExchange struct {
	wrap    middleware
	handler http.Handler
	stop    func()
	count   int

	r    *http.Request
	body requestBody
	key  []string
	w    writer
}

func newHTTP(wrap middleware) *httpExchange {
	r, err := http.NewRequest(http.MethodPost, "/charges", nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.ContentLength = int64(len(payload))
	x := &httpExchange{wrap: wrap, r: r, key: make([]string, 1), w: writer{header: http.Header{}}, stop: func() {}}
	x.renew()
	return x
}

func (x *httpExchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.count++
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set(ownHeader, ownValue)
	w.WriteHeader(status)
	_, _ = w.Write(result)
}

func (x *httpExchange) post(key string) {
	if key == "" {
		delete(x.r.Header, keyHeader)
	} else {
		x.key[0] = key
		x.r.Header[keyHeader] = x.key
	}
	x.body.reset()
	x.r.Body = &x.body // a middleware may have put another in its place
	x.w.reset()
	x.handler.ServeHTTP(&x.w, x.r)
}

func (x *httpExchange) renew() {
	x.stop()
	x.handler, x.stop = x.wrap(x)
}

func (x *httpExchange) answer() answer {
	return answer{x.w.status, x.w.header.Get("Content-Type"), x.w.header.Get(ownHeader), string(x.w.body)}
}

func (x *httpExchange) runs() int { return x.count }

func (x *httpExchange) close() { x.stop() }

type requestBody struct{ bytes.Reader }

func (b *requestBody) reset()     { b.Reset(payloadBytes) }
func (*requestBody) Close() error { return nil }

var payloadBytes = []byte(payload)

// writer copies what is written, as a connection's buffer does.
type writer struct {
	header http.Header
	status int
	body   []byte
}

func (w *writer) reset() {
	clear(w.header)
	w.status, w.body = 0, w.body[:0]
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

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
