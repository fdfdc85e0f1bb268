package ratelimit_test

import (
	"context"
	"math"
	"net/http"
	"runtime"
	"time"

	"github.com/didip/tollbooth/v8"
	tollboothlimiter "github.com/didip/tollbooth/v8/limiter"
	"github.com/go-chi/httprate"
	golimiter "github.com/sethvargo/go-limiter"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	ulule "github.com/ulule/limiter/v3"
	ululememory "github.com/ulule/limiter/v3/drivers/store/memory"
)

var peers = []contender{
	{name: "go-limiter", open: openGoLimiter, sweeps: true},
	{name: "ulule", open: openUlule, sweeps: true},
	{name: "throttled", open: func(s setup) limiter {
		s.cap = 0
		return openThrottled(s)
	}},
	{name: "httprate", open: openHTTPRate, sweeps: true, windowed: true},
	{name: "tollbooth", open: openTollbooth, sweeps: true},
}

// throttledLRU is throttled with a cap, as in its README. It is slower than
// without one, so it takes part only where the cap is the subject.
var throttledLRU = contender{name: "throttled-lru", open: openThrottled, capped: true}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newGoLimiter(s setup) golimiter.Store {
	cfg := &memorystore.Config{Tokens: uint64(s.burst), Interval: s.per}
	if s.sweep > 0 {
		// At least as long as the quota's own interval, as its documentation asks for.
		cfg.SweepInterval, cfg.SweepMinTTL = s.sweep, s.per
	}
	return must(memorystore.New(cfg))
}

func openGoLimiter(s setup) limiter {
	store, ctx := newGoLimiter(s), context.Background()
	return limiter{
		take: func(key string) bool {
			_, _, _, ok, err := store.Take(ctx, key)
			return err == nil && ok
		},
		close: func() { _ = store.Close(ctx) },
	}
}

func newUlule(s setup) *ulule.Limiter {
	interval := ulule.DefaultCleanUpInterval
	if s.sweep > 0 {
		interval = s.sweep
	}
	store := ululememory.NewStoreWithOptions(ulule.StoreOptions{Prefix: ulule.DefaultPrefix, CleanUpInterval: interval})
	return ulule.New(store, ulule.Rate{Period: s.per, Limit: int64(s.burst)})
}

// openUlule has nothing to close: once nobody refers to it, a finalizer stops
// its goroutine, which refers to the keys.
func openUlule(s setup) limiter {
	l, ctx := newUlule(s), context.Background()
	return limiter{
		take: func(key string) bool {
			got, err := l.Get(ctx, key)
			return err == nil && !got.Reached
		},
		close: func() {
			l = nil
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		},
	}
}

func newThrottled(s setup) *throttled.GCRARateLimiterCtx {
	l := must(throttled.NewGCRARateLimiterCtx(must(memstore.NewCtx(s.cap)), throttled.RateQuota{
		MaxRate:  throttled.PerDuration(s.burst, s.per),
		MaxBurst: s.burst - 1,
	}))
	l.SetMaxCASAttemptsLimit(math.MaxInt) // by default a take on a busy key is an error after 10
	return l
}

func openThrottled(s setup) limiter {
	l, ctx := newThrottled(s), context.Background()
	return limiter{
		take: func(key string) bool {
			limited, _, err := l.RateLimitCtx(ctx, key, 1)
			return err == nil && !limited
		},
		close: func() {},
	}
}

// openHTTPRate calls the decision that a handler makes, with headers switched
// off; there is none without a request and a writer.
func openHTTPRate(s setup) limiter {
	l := httprate.NewRateLimiter(s.burst, s.per, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	r := must(http.NewRequest(http.MethodGet, "/", nil))
	w := &writer{header: http.Header{}}
	return limiter{
		take:  func(key string) bool { return !l.OnLimit(w, r, key) },
		close: func() {},
	}
}

func newTollbooth(s setup) *tollboothlimiter.Limiter {
	return tollbooth.NewLimiter(s.perSecond(), nil).SetBurst(s.burst)
}

// openTollbooth removes what has expired, which it leaves to its users. A bucket
// expires by its age, drained or not.
func openTollbooth(s setup) limiter {
	l := newTollbooth(s)
	stop, stopped := make(chan struct{}), make(chan struct{})
	if s.sweep > 0 {
		l.SetTokenBucketExpirationTTL(s.per)
		go func() {
			defer close(stopped)
			ticker := time.NewTicker(s.sweep)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					l.DeleteExpiredTokenBuckets()
				case <-stop:
					return
				}
			}
		}()
	} else {
		close(stopped)
	}
	return limiter{
		take: func(key string) bool { return !l.LimitReached(key) },
		close: func() {
			close(stop)
			<-stopped
		},
	}
}
