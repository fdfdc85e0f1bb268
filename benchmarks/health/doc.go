// Package health compares what a probe costs: through Bracework's health
// package, through peers, and through a handler that writes the same answer
// without looking at anything. It also compares what happens when checks hang,
// panic or fail. All that it has are tests; from the folder of this module:
//
//	GOWORK=off go test ./health                                            # equal outcomes
//	GOWORK=off go test -run '^$' -bench . -benchmem ./health               # each alone
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./health  # interleaved, with ratios
//
// # Whom the numbers compare
//
//   - constant: a handler that sets the header of one of our answers and writes
//     its body, byte for byte. Nothing that answers a probe can do less and be
//     told from ours only by its clock.
//   - bare: a handler that writes the body and sets nothing.
//   - bracework: our Handler.
//   - alexliesenfeld: github.com/alexliesenfeld/health. Its readiness is a
//     checker with the same checks that shows no details, its liveness one
//     without checks.
//   - hellofresh: github.com/hellofresh/health-go/v5. It has no cache, so each
//     probe runs all checks. It names only checks that fail.
//   - go-sundheit: github.com/AppsFlyer/go-sundheit. All its checks run in the
//     background. Its answer is the short one, ?type=short, which says as much
//     as ours; it has none without the names of the checks.
//
// Results are cached for an hour, or come from a run in the background that
// happens once an hour, so in the time that is measured nobody but hellofresh
// runs a check. Checks do nothing but count.
//
// Two peers are missing that the Go module proxy does not serve,
// heptiolabs/healthcheck and tavsec/gin-healthcheck.
package health
