package ratelimit_test

import (
	"context"
	"net/http"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/redisstore"
	"github.com/go-chi/httprate"
	httprateredis "github.com/go-chi/httprate-redis"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/throttled/throttled/v2"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
)

// guarded is a middleware over Redis, as it is by default.
type guarded struct {
	name string
	// open makes one whose client gives up after a while; 0: by default. What it
	// returns besides says of an answer who has decided it.
	open func(c *connection, giveUp time.Duration) (middleware, func(*answer))
}

var guardeds = []guarded{
	{"bracework", openGuardedBracework},
	{"redis_rate", openGuardedRedisRate},
	{"httprate-redis", openGuardedHTTPRate},
	{"throttled", openGuardedThrottled},
	{"ulule", openGuardedUlule},
}

// giveUpOptions are those of a client that waits for a server no longer than
// giveUp, and asks once. By default it waits for seconds, four times.
func giveUpOptions(giveUp time.Duration) redis.Options {
	if giveUp == 0 {
		return redis.Options{}
	}
	return redis.Options{
		DialTimeout: giveUp, ReadTimeout: giveUp, WriteTimeout: giveUp, PoolTimeout: giveUp,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
	}
}

// byStatus is for those that decide with Redis or not at all.
func byStatus(a *answer) {
	a.redis = a.status == http.StatusOK || a.status == http.StatusTooManyRequests
	a.without = !a.redis
}

// answerKey is of the answer in the context of its request.
type answerKey struct{}

// openGuardedBracework has the defaults: 50 ms for Redis, then limits in memory.
func openGuardedBracework(c *connection, _ time.Duration) (middleware, func(*answer)) {
	store := must(redisstore.New(c, redisstore.Config{}))
	l := must(ratelimit.New(store, ratelimit.ByHeader(tenantHeader), ratelimit.Fixed(tierOf(outageQuota)), ratelimit.Config{
		Observer: func(ctx context.Context, e ratelimit.Event) {
			a, _ := ctx.Value(answerKey{}).(*answer)
			a.redis = e.Decision.Source == redisstore.SourceRedis
			a.without = !a.redis && e.Decision.Source != redisstore.SourceDenyCache
		},
	}))
	return l.Handler, func(*answer) {}
}

// openGuardedRedisRate has the least middleware: there is none to redis_rate.
func openGuardedRedisRate(c *connection, _ time.Duration) (middleware, func(*answer)) {
	l, limit := redis_rate.NewLimiter(c.Client), newRedisRate(outageQuota)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, err := l.Allow(r.Context(), r.Header.Get(tenantHeader), limit)
			switch {
			case err != nil:
				http.Error(w, "internal error", http.StatusInternalServerError)
			case got.Allowed == 0:
				http.Error(w, "too many requests", http.StatusTooManyRequests)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}, byStatus
}

// openGuardedHTTPRate limits in memory while Redis fails; its clients give up
// after 100 ms unless told otherwise.
func openGuardedHTTPRate(c *connection, giveUp time.Duration) (middleware, func(*answer)) {
	counter := must(httprateredis.NewRedisLimitCounter(httprateConfig(c.Options().Addr, outageQuota, giveUp)))
	m := httprate.LimitBy(outageQuota.burst, outageQuota.per, keyFrom(tenantHeader), httprate.WithLimitCounter(counter))
	return m, func(a *answer) {
		byStatus(a)
		if counter.IsFallbackActivated() {
			a.redis, a.without = false, true
		}
	}
}

func openGuardedThrottled(c *connection, _ time.Duration) (middleware, func(*answer)) {
	t := throttled.HTTPRateLimiterCtx{RateLimiter: newThrottledRedis(c, outageQuota), VaryBy: varyBy(tenantHeader)}
	return t.RateLimit, byStatus
}

// openGuardedUlule panics when Redis fails.
func openGuardedUlule(c *connection, _ time.Duration) (middleware, func(*answer)) {
	key := func(r *http.Request) string { return r.Header.Get(tenantHeader) }
	return stdlib.NewMiddleware(newUluleRedis(c, outageQuota), stdlib.WithKeyGetter(key)).Handler, byStatus
}
