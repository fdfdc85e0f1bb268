package idempotencytest

import (
	"slices"
	"testing"
)

// rule is one promise to the clients of a service.
type rule struct {
	name    string
	explain string // what goes wrong for whom when it is broken
	run     func(s *subject)
	h2      bool // checked over HTTP/2
}

// overBoth adds each rule once more, over HTTP/2, where connections, chunks and
// trailers work differently.
func overBoth(rules ...rule) []rule {
	both := make([]rule, 0, 2*len(rules))
	for _, r := range rules {
		both = append(both, r)
		r.name, r.h2 = r.name+" over HTTP 2", true
		both = append(both, r)
	}
	return both
}

func allRules() []rule {
	return slices.Concat(
		replayRules(), // starts with the rule on which all others build
		headerRules(),
		keyRules(),
		concurrencyRules(),
		policyRules(),
		responseRules(),
		streamRules(),
		abortRules(),
		problemRules(),
		claimFaultRules(),
		runFaultRules(),
		recordRules(),
	)
}

// reporter is the part of testing.T to which a rule reports, so that the suite
// can be tested with services that break it.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
	Skipf(format string, args ...any)
}

// check runs one rule. t is only for what has to end with the test.
func check(t *testing.T, report reporter, h Harness, r rule) {
	t.Helper()
	s := newSubject(t, report, h, r.h2)
	defer func() { // also after FailNow
		if s.failed.Load() {
			report.Errorf("Why it matters: %s", r.explain)
		}
	}()
	r.run(s)
}
