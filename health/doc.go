// Package health answers the probes of orchestrators, load balancers and
// people: /health, /health/live, /health/ready, /health/startup, groups of checks
// and metrics. It promises an answer in time whatever the checks do, and that no
// answer carries the text of an error.
//
// [New] starts no goroutine. A check runs when an evaluation needs it, in a
// goroutine that ends when the checker returns. [Health.Start] runs the checks
// with [Check.Every] in the background, with one goroutine each and one for all;
// changes are told by one more while there are any. [Health.Close] ends them.
//
// # Model
//
// A [Health] holds named checks. An evaluation uses a result that is younger
// than [Config.Cache]; otherwise it joins the run in flight or starts one, so
// that any number of concurrent probes costs one run of each check. Two clocks
// bound it: [Check.Timeout] ends the context of a run, [Config.Budget] ends the
// wait of an answer. When the budget ends first, the run goes on, and the
// answer shows the check's last result while that is younger than
// [Check.StaleAfter], else timeout. Background checks are only read.
//
// A checker that ignores its context is not called again until it returns:
// shortly after its timeout it reports timeout, reason stuck, at no cost, and
// the other checks are not held up. A wedged check therefore owns one goroutine
// at most. A panic is a failure of that check. A client that leaves cancels
// nothing. A critical check without a result counts as failing, and so does a
// background check that passed too long ago; the time in which the whole process
// stood still does not count.
//
// # Endpoints
//
// Liveness runs no checks but those with [Check.ForLive], which is refused for
// the checkers here that look outside of the process: a restart does not mend
// the database that a process depends on. Readiness fails while the service
// starts, drains, or a critical check fails. /health fails when a critical
// check fails or the service drains. The startup probe waits for
// [Health.MarkStarted] only.
//
//	/health              200 {"status":"healthy",...}       503 "unhealthy"
//	/health/group/{name} likewise, of the checks in one of [Check.Groups]
//	/health/live         200 {"status":"alive"}             503 {"status":"dead"}
//	/health/ready        200 {"status":"ready"}             503 {"status":"not_ready","reason":"starting|draining|checks"}
//	/health/startup      200 {"status":"started"}           503 {"status":"starting"}
//	/health/metrics      200 text format 0.0.4 of Prometheus; reads results and runs nothing
//
// GET and HEAD are served (RFC 9110 section 9.3); refusals are problem documents
// (RFC 9457). No answer may be stored (RFC 9111 section 5.2.2.5). The values of
// checks are a closed set, and raw errors go to [Config.Logger] only. Anyone who
// reaches /health sees the version and the names of the checks; readers that
// [Config.Details] admits see reasons, durations and times with ?verbose.
// A client whose Accept names application/health+json gets the format of
// draft-inadarei-api-health-check-06. Mount the endpoints outside
// authentication, rate limits and whatever else depends on what is checked.
//
// # Shutting down
//
// On SIGTERM call [Health.Drain] with a delay longer than the probe's period
// times its failure threshold, then shut the server down, stop workers, close
// pools, and call [Health.Close] last.
package health
