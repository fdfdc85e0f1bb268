// Package breaker compares what a circuit breaker costs: Bracework's and its
// peers. All that it has are tests; from the folder of this module:
//
//	GOWORK=off go test ./breaker                                            # equal behaviour
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./breaker  # interleaved, with differences
//
// # Whom the numbers compare
//
//   - bare: the call alone.
//   - gobreaker: github.com/sony/gobreaker/v2, Execute; gobreaker-two-step is
//     its Allow. Both have a rolling window of ten buckets, and a rule like ours.
//   - bracework: Breaker.Do; bracework-allow is Breaker.Allow, and
//     bracework-timed is Do with a rule for slow calls, which takes the time of
//     each call.
//   - failsafe-go: an executor of github.com/failsafe-go/failsafe-go with a
//     circuit breaker; failsafe-permit is the breaker without the executor.
//   - hystrix-go: github.com/afex/hystrix-go, whose timeouts and limit of
//     concurrent calls cannot be switched off; they are set out of reach.
//
// All open when half of at least 10 calls within a minute have failed, but for
// hystrix-go, whose window is ten seconds long. In front of a transport,
// gobreaker and hystrix-go have a RoundTripper of a few lines, since they bring
// none; it has one breaker for all hosts, and looks at no body.
package breaker
