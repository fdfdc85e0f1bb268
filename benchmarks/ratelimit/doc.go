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
//
// The middlewares do not do the same: they send different headers, which are
// asserted, and different bodies. Ours answers a refusal with a problem document.
package ratelimit
