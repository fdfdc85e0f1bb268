// Package idempotency compares what a keyed request costs: through Bracework's
// middleware, through a naive cache (a map, a mutex and nothing else), through
// peers, and without any of them. All that it has are tests; from the folder of
// this module:
//
//	GOWORK=off go test ./idempotency                                            # equal answers
//	GOWORK=off go test -run '^$' -bench . -benchmem ./idempotency               # each alone
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./idempotency  # interleaved, with ratios
//
// # What is measured
//
// A POST with a JSON body of 256 bytes, which the handler reads, and its answer:
// 201, Content-Type, one header of the handler's own and 1 KiB. The floor is the
// handler alone.
//
//	unkeyed  a request without a key
//	replay   a request that was answered before
//	first    a request with a new key; everyone gets an empty store each 4096
//
// There are three ways to drive a handler:
//
//	reused    one request and one writer, used again: nearly all is the middleware's
//	recorded  a new httptest request and recorder each time, as benchmarks mostly do
//	served    an http.Server, and one connection to it over the loopback interface
//
// A ratio says how often the floor fits into the time. With reused ones it looks
// large because the floor is next to nothing: two headers and a copy of 1 KiB,
// without a socket. The writer can neither flush nor be hijacked there, and the
// request's context cannot be canceled; behind a server all of that can be.
//
// The report runs with GOMAXPROCS 1, so that garbage is collected in the time of
// who made it, and the turns of client and server need no other core to wake up.
// For the benchmarks that is -cpu 1.
//
// # Whom the numbers compare
//
// The naive cache does less than any of the others: it neither looks at the
// body nor keeps two requests with one key from running at once. It is the
// price of remembering answers at all.
//
// Fiber runs on fasthttp, whose requests and writers are other ones, so it is
// only called directly, and has a floor of its own; its ratios to the naive
// cache are left out. Its own store cannot be emptied from outside; it gets one
// here that does the same.
//
// Peers on net/http that we know of, github.com/repenguin22/idemlease,
// github.com/bright-room/idem and github.com/goceleris/celeris, are missing: the
// Go module proxy that builds this module does not serve them.
package idempotency
