// Package ratelimit compares Bracework's rate limiter with peers, in one run
// where everyone takes turns. All that it has are tests; from the folder of this
// module:
//
//	GOWORK=off go test ./ratelimit                                                        # equal answers, all scenarios once
//	GOWORK=off go test -run '^$' -bench . -benchmem ./ratelimit                           # each alone
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./ratelimit -size full   # interleaved, with ratios
//
// # Whom the numbers compare
//
//	floor         what no limiter can leave out: a clock, a hash of the key, one compare-and-swap
//	floor-load    the same with a load, all that a refusal needs
//	bracework     MemoryStore; New(...).Handler
//	naive         a map with a mutex, and a rate.Limiter of golang.org/x/time for each key
//	go-limiter    github.com/sethvargo/go-limiter: fixed windows from a key's first use
//	ulule         github.com/ulule/limiter: fixed windows from a key's first use
//	throttled     github.com/throttled/throttled: GCRA; without a cap, or (throttled-lru) with one
//	httprate      github.com/go-chi/httprate: two windows, the older one weighted
//	tollbooth     github.com/didip/tollbooth: a rate.Limiter of its own for each key
//
// In Redis, on a server of the benchmark's own:
//
//	floor                one PING
//	bracework            redisstore.Store; one TakeAll for several limits
//	bracework-uncached   the same without a memory of refusals
//	bracework-stacked    the same with a Take for each of several limits
//	redis_rate           github.com/go-redis/redis_rate: GCRA, one script
//	httprate-redis       github.com/go-chi/httprate-redis: two windows; MGET, then INCRBY and EXPIRE
//	throttled            its store for go-redis: GCRA; TIME and GET, then a compare-and-swap in a script
//	ulule                its store for go-redis: fixed windows, one script, which counts refusals too
//
// The quotas are those on which all agree: a burst of n, from a key that is new,
// admits n. Everyone is asked before anything is timed, and what was admitted is
// counted while it is. A window of n in t stands for a bucket of n that refills
// in t. Where the scenario does not say otherwise, keys have 16 bytes, exist
// before the clock starts, and are asserted to be different.
//
// The floor has one word for each key: over many keys it misses the cache as
// everyone must, once.
//
// # How peers are set up
//
// Defaults, except for what a scenario is about, and for these:
//
//   - throttled gives up after 10 lost compare-and-swaps, and on a hot key that
//     happens; here it never does. (With 1000, two cores still saw errors.) Its
//     key function reads a header without copying it, as the others do.
//   - httprate decides only for a request and a writer. Outside of the middleware
//     scenario its headers are switched off; it still formats them.
//   - tollbooth has no key without the client's address, so its middleware keys
//     by address and header. It removes nothing itself; where it should, a ticker
//     calls DeleteExpiredTokenBuckets, and buckets expire by age.
//   - go-limiter sweeps every 6 hours what is 12 hours old, unless told otherwise;
//     where it should, it is told the quota's own period.
//   - ulule has no Close; a finalizer stops its goroutine.
//   - httprate-redis makes its own client: one that it is given it does not use,
//     and panics. It gets as many connections as the others have, has no Close,
//     and holds a lock over its calls, so that a limiter makes one at a time.
//   - throttled swaps in vain in Redis too when a key is busy. That it never gives
//     up makes takes of one hot key long; those that are cut off are counted.
//   - Of several limits, peers ask one after the other. What those before a
//     refusal took is not given back.
//   - Ours has a timeout of 30 s in Redis, which a busy machine does not reach,
//     but for an outage: there it has its default of 50 ms.
//   - In an outage, ours and httprate-redis limit in memory, and throttled
//     answers 500. ulule panics, which counts as a 500. redis_rate has no
//     middleware; what it gets answers 500 too.
//
// The middlewares do not do the same: they send different headers, which are
// asserted, and different bodies. Ours answers a refusal with a problem document.
package ratelimit
