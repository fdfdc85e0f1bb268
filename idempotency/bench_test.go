package idempotency_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// The folder benchmarks compares with peers, interleaved. These are for a look
// at this package alone: a POST of 256 bytes, answered with 1 KiB, through no
// middleware (floor), a cache that does nothing else (naive), and this one.

func BenchmarkUnkeyed(b *testing.B) {
	benchmark(b, func(x *exchange) { x.post("") })
}

func BenchmarkReplay(b *testing.B) {
	benchmark(b, func(x *exchange) { x.post("018f3c5e-7a1b-4c2d-9e0f-000000000000") })
}

// BenchmarkFirst renews the stores now and then, so that none outgrows memory.
func BenchmarkFirst(b *testing.B) {
	n := int64(0)
	benchmark(b, func(x *exchange) {
		if n++; n%4096 == 0 {
			x.renew()
		}
		x.post("018f3c5e-7a1b-4c2d-9e0f-" + strconv.FormatInt(1e11+n, 10))
	})
}

func benchmark(b *testing.B, op func(*exchange)) {
	b.Helper()
	for _, c := range []struct {
		name string
		wrap func(testing.TB, http.Handler) http.Handler
	}{
		{"floor", func(_ testing.TB, next http.Handler) http.Handler { return next }},
		{"naive", naiveCache},
		{"ours", memoryMiddleware},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := newExchange(b, c.wrap)
			op(x) // a replay needs something to replay
			b.ReportAllocs()
			for b.Loop() {
				op(x)
			}
		})
	}
}

func memoryMiddleware(tb testing.TB, next http.Handler) http.Handler {
	tb.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{PurgeEvery: -1})
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	require.NoError(tb, err)
	return m.Handler(next)
}

func naiveCache(_ testing.TB, next http.Handler) http.Handler {
	var mu sync.Mutex
	kept := map[string]*reusedWriter{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-Idempotency-Key")
		if key == "" {
			next.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		rec := kept[key]
		mu.Unlock()
		if rec == nil {
			rec = &reusedWriter{header: http.Header{}}
			next.ServeHTTP(rec, r)
			rec.header = rec.header.Clone()
			mu.Lock()
			kept[key] = rec
			mu.Unlock()
		}
		maps.Copy(w.Header(), rec.header)
		w.WriteHeader(rec.status)
		_, _ = w.Write(rec.body)
	})
}

// exchange reuses one request and one writer, so that it costs next to nothing.
type exchange struct {
	renew func()
	r     *http.Request
	key   []string
	body  reusedBody
	sent  []byte
	w     reusedWriter
	h     http.Handler
}

func newExchange(tb testing.TB, wrap func(testing.TB, http.Handler) http.Handler) *exchange {
	tb.Helper()
	result := bytes.Repeat([]byte("r"), 1024)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Charge", "ch_1")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(result)
	})
	r := request(http.MethodPost, "/charges", strings.Repeat("p", 256), header{"Content-Type": "application/json"})
	sent, err := io.ReadAll(r.Body)
	require.NoError(tb, err)
	x := &exchange{r: r, sent: sent, key: make([]string, 1), w: reusedWriter{header: http.Header{}}}
	x.renew = func() { x.h = wrap(tb, handler) }
	x.renew()
	return x
}

func (x *exchange) post(key string) {
	delete(x.r.Header, "X-Idempotency-Key")
	if key != "" {
		x.key[0] = key
		x.r.Header["X-Idempotency-Key"] = x.key
	}
	x.body.Reset(x.sent)
	x.r.Body = &x.body
	clear(x.w.header)
	x.w.status, x.w.body = 0, x.w.body[:0]
	x.h.ServeHTTP(&x.w, x.r)
}

type reusedBody struct{ bytes.Reader }

func (*reusedBody) Close() error { return nil }

type reusedWriter struct {
	header http.Header
	status int
	body   []byte
}

func (w *reusedWriter) Header() http.Header { return w.header }

func (w *reusedWriter) WriteHeader(code int) { w.status = code }

func (w *reusedWriter) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}
