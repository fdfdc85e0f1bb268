package ratelimit_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

var (
	generous = ratelimit.Tier{Name: "generous", Rate: 1e9, Burst: 1 << 30, Limit: 1000}
	hourly   = ratelimit.Per("hourly", 1, time.Hour)
)

func BenchmarkMemoryStoreHotKey(b *testing.B) {
	for name, tier := range map[string]ratelimit.Tier{"allowed": generous, "denied": hourly} {
		b.Run(name, func(b *testing.B) {
			s := newStore()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = s.Take(context.Background(), "tenant-0123456789", tier, 1)
				}
			})
		})
	}
}

func BenchmarkMemoryStoreMillionKeys(b *testing.B) {
	keys := make([]string, 1<<20)
	for i := range keys {
		keys[i] = "tenant-" + strconv.Itoa(1e9+i)
	}
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 1 << 21})
	before := heap()
	start := time.Now()
	for _, key := range keys {
		_, _ = s.Take(context.Background(), key, hourly, 1)
	}
	insert := time.Since(start)
	bytes := heap() - before
	require.Equal(b, len(keys), s.Stats().Keys)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
		for pb.Next() {
			_, _ = s.Take(context.Background(), keys[rng.Uint64()%uint64(len(keys))], hourly, 1)
		}
	})
	b.ReportMetric(float64(bytes)/float64(len(keys)), "B/key")
	b.ReportMetric(float64(insert.Nanoseconds())/float64(len(keys)), "ns/insert")
	runtime.KeepAlive(keys)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMemoryStoreFlood inserts a fresh key with each call into a store at
// its cap.
func BenchmarkMemoryStoreFlood(b *testing.B) {
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 100_000})
	tier := ratelimit.Per("hourly", 10, time.Hour)
	key := make([]byte, 0, 32)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		key = strconv.AppendInt(key[:0], int64(n), 10)
		_, _ = s.Take(context.Background(), string(key), tier, 1)
		n++
	}
}

// writer is a response writer with a header map that is reset like a server's.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
func (w *writer) WriteHeader(int)             {}

func BenchmarkHandler(b *testing.B) {
	for name, tier := range map[string]ratelimit.Tier{"allowed": generous, "denied": hourly, "unlimited": ratelimit.Unlimited("u")} {
		b.Run(name, func(b *testing.B) {
			lim, err := ratelimit.New(newStore(), byTenant, ratelimit.Fixed(tier), ratelimit.Config{})
			require.NoError(b, err)
			h := lim.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), &writer{header: http.Header{}}
			r.Header.Set("X-Tenant", "tenant-0123456789")
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

//nolint:paralleltest // allocations are counted over the whole process
func TestHandlerAllocations(t *testing.T) {
	tests := []struct {
		name string
		tier ratelimit.Tier
		want float64
	}{
		{"the context, the request", ratelimit.Tier{Rate: 1e9, Burst: 1 << 30, Limit: 50}, 2},
		{"and a string for what remains from 100 on", generous, 3},
		{"refused: the document, its two headers, and a string for a wait from 100 on", hourly, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newLimiter(t, ratelimit.Fixed(tt.tier), ratelimit.Config{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r, w := request("acme"), &writer{header: http.Header{}}
			got := testing.AllocsPerRun(1000, func() {
				clear(w.header)
				h.ServeHTTP(w, r)
			})
			assert.LessOrEqual(t, got, tt.want)
		})
	}
}
