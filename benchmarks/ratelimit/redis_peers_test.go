package ratelimit_test

import (
	"context"
	"math"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/redisstore"
	"github.com/go-chi/httprate"
	httprateredis "github.com/go-chi/httprate-redis"
	"github.com/go-redis/redis_rate/v10"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/goredisstore.v9"
	ulule "github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
)

// remoteTake takes one token from each bucket of a key.
type remoteTake func(ctx context.Context, key string) (bool, error)

// remote is a contender whose buckets are in Redis.
type remote struct {
	name string
	// open makes a limiter of one quota.
	open func(*connection, quota) remoteTake
	// openAll makes one of several quotas; nil: there is a limiter for each.
	openAll func(*connection, []quota) remoteTake
}

func (r remote) kind() kind { return kindOf(r.name) }

// stack has a limiter for each quota and asks one after the other, until one
// refuses. What those before it took, is taken.
func (r remote) stack(c *connection, quotas []quota) remoteTake {
	takes := make([]remoteTake, len(quotas))
	for i, q := range quotas {
		takes[i] = r.open(c, q)
	}
	return func(ctx context.Context, key string) (bool, error) {
		for i, take := range takes {
			if ok, err := take(ctx, limitNames[i]+":"+key); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	}
}

// all makes a limiter of one or several quotas.
func (r remote) all(c *connection, quotas []quota) remoteTake {
	switch {
	case len(quotas) == 1:
		return r.open(c, quotas[0])
	case r.openAll != nil:
		return r.openAll(c, quotas)
	default:
		return r.stack(c, quotas)
	}
}

// uncached is ours without memory of refusals.
const uncached = "bracework-uncached"

// limitNames are the limits of a tenant, where he has several.
var limitNames = []string{"second", "day", "month"}

var (
	// remoteFloor is one call, whatever the number of limits.
	remoteFloor     = remote{name: "floor", open: openPing, openAll: func(c *connection, _ []quota) remoteTake { return openPing(c, quota{}) }}
	remoteBracework = remote{name: "bracework", open: openRedisStore, openAll: openRedisStoreAll}
	remoteStacked   = remote{name: stacked, open: openRedisStore}
	remoteUncached  = remote{name: uncached, open: openUncached}
	remotePeers     = []remote{
		{name: "redis_rate", open: openRedisRate},
		{name: "httprate-redis", open: openHTTPRateRedis},
		{name: "throttled", open: openThrottledRedis},
		{name: "ulule", open: openUluleRedis},
	}
)

// remotes are all that limit in Redis.
var remotes = append([]remote{remoteBracework}, remotePeers...)

// openPing is what nobody can leave out who asks Redis.
func openPing(c *connection, _ quota) remoteTake {
	return func(ctx context.Context, _ string) (bool, error) {
		err := c.Ping(ctx).Err()
		return err == nil, err
	}
}

func openRedisStore(c *connection, q quota) remoteTake {
	return takeFrom(newRedisStore(c, 0), q)
}

func openUncached(c *connection, q quota) remoteTake { return takeFrom(newRedisStore(c, -1), q) }

func takeFrom(s *redisstore.Store, q quota) remoteTake {
	tier := tierOf(q)
	return func(ctx context.Context, key string) (bool, error) {
		d, err := s.Take(ctx, key, tier, 1)
		return d.Allowed, err
	}
}

// newRedisStore has a timeout that a busy machine does not reach.
func newRedisStore(c *connection, denyCache int) *redisstore.Store {
	return must(redisstore.New(c, redisstore.Config{
		Prefix: c.name + ":", Timeout: patience, DenyCache: denyCache,
	}))
}

func openRedisStoreAll(c *connection, quotas []quota) remoteTake {
	s := newRedisStore(c, 0)
	tiers := make([]ratelimit.Tier, len(quotas))
	for i, q := range quotas {
		tiers[i] = tierOf(q)
	}
	return func(ctx context.Context, key string) (bool, error) {
		takes := make([]ratelimit.Take, len(tiers))
		for i, tier := range tiers {
			takes[i] = ratelimit.Take{Key: ratelimit.JoinKey(limitNames[i], key), Tier: tier, Cost: 1}
		}
		decisions, err := s.TakeAll(ctx, takes)
		if err != nil {
			return false, err
		}
		for _, d := range decisions {
			if !d.Allowed {
				return false, nil
			}
		}
		return true, nil
	}
}

func newRedisRate(q quota) redis_rate.Limit {
	return redis_rate.Limit{Rate: q.burst, Burst: q.burst, Period: q.per}
}

func openRedisRate(c *connection, q quota) remoteTake {
	l, limit := redis_rate.NewLimiter(c.Client), newRedisRate(q)
	return func(ctx context.Context, key string) (bool, error) {
		got, err := l.Allow(ctx, key, limit)
		return err == nil && got.Allowed > 0, err
	}
}

// httprateConfig makes a client with as many connections as the others have. It
// cannot be given one: it then uses none, and panics.
func httprateConfig(addr string, q quota, timeout time.Duration) *httprateredis.Config {
	host, port, err := net.SplitHostPort(addr)
	conns := 10 * runtime.GOMAXPROCS(0)
	return &httprateredis.Config{
		Host: must(host, err), Port: uint16(must(strconv.ParseUint(port, 10, 16))),
		MaxActive: conns, MaxIdle: conns,
		WindowLength: q.per, FallbackTimeout: timeout,
	}
}

// openHTTPRateRedis calls the decision that a handler makes, as in memory.
func openHTTPRateRedis(c *connection, q quota) remoteTake {
	cfg := httprateConfig(c.Options().Addr, q, patience)
	cfg.FallbackDisabled = true
	l := httprate.NewRateLimiter(q.burst, q.per,
		httprateredis.WithRedisLimitCounter(cfg),
		httprate.WithResponseHeaders(httprate.ResponseHeaders{}),
		httprate.WithErrorHandler(func(w http.ResponseWriter, _ *http.Request, err error) { w.(*failure).err = err }))
	r := must(http.NewRequest(http.MethodGet, "/", nil))
	return func(_ context.Context, key string) (bool, error) {
		w := &failure{}
		limited := l.OnLimit(w, r, key)
		return !limited, w.err
	}
}

// failure is a writer that takes an error in place of a response.
type failure struct {
	http.ResponseWriter

	err error
}

func newThrottledRedis(c *connection, q quota) *throttled.GCRARateLimiterCtx {
	l := must(throttled.NewGCRARateLimiterCtx(must(goredisstore.NewCtx(c, "throttled:")), throttled.RateQuota{
		MaxRate:  throttled.PerDuration(q.burst, q.per),
		MaxBurst: q.burst - 1,
	}))
	l.SetMaxCASAttemptsLimit(math.MaxInt)
	return l
}

func openThrottledRedis(c *connection, q quota) remoteTake {
	l := newThrottledRedis(c, q)
	return func(ctx context.Context, key string) (bool, error) {
		limited, _, err := l.RateLimitCtx(ctx, key, 1)
		return err == nil && !limited, err
	}
}

func newUluleRedis(c *connection, q quota) *ulule.Limiter {
	return ulule.New(must(ululeredis.NewStore(c)), ulule.Rate{Period: q.per, Limit: int64(q.burst)})
}

func openUluleRedis(c *connection, q quota) remoteTake {
	l := newUluleRedis(c, q)
	return func(ctx context.Context, key string) (bool, error) {
		got, err := l.Get(ctx, key)
		return err == nil && !got.Reached, err
	}
}
