// Package health answers the probes of orchestrators, load balancers and
// people: /health, /health/live, /health/ready and /health/startup. It starts
// no background goroutine: a check runs when an evaluation needs it, in a
// goroutine of its own that ends when the checker returns.
//
// # Model
//
// A [Health] holds named checks. An evaluation uses a result that is younger
// than [Config.Cache]; otherwise it joins the run in flight or starts one, so
// that any number of concurrent probes costs one run of each check. Two clocks
// bound it: [Check.Timeout] ends the context of a run, [Config.Budget] ends the
// wait of an answer. When the budget ends first, the run goes on, and the
// answer shows the check's last result while that is younger than Cache plus
// Timeout, else timeout.
//
// A checker that ignores its context is not called again until it returns:
// shortly after its timeout it reports as failed, reason stuck, at no cost, and
// the other checks are not held up. A wedged check therefore owns one goroutine
// at most. A panic is a failure of that check. A client that leaves cancels
// nothing. A critical check without a result counts as failing.
//
// # Endpoints
//
// Liveness runs no checks and always answers 200: restarting a process does not
// mend the database that it depends on. Readiness fails while the service
// starts, drains, or a critical check fails. /health fails when a critical
// check fails or the service drains. The startup probe waits for
// [Health.MarkStarted] only.
//
//	/health         200 {"status":"healthy",...}       503 "unhealthy"
//	/health/live    200 {"status":"alive"}
//	/health/ready   200 {"status":"ready"}             503 {"status":"not_ready","reason":"starting|draining|checks"}
//	/health/startup 200 {"status":"started"}           503 {"status":"starting"}
//
// GET and HEAD are served (RFC 9110 section 9.3); refusals are problem documents
// (RFC 9457). No answer may be stored (RFC 9111 section 5.2.2.5), and none
// carries the text of an error: the values of checks are a closed set, and raw
// errors go to [Config.Logger]. Anyone who reaches /health sees the version and
// the names of the checks. Mount the endpoints outside authentication, rate
// limits and whatever else depends on what is checked.
//
// # Shutting down
//
// On SIGTERM call [Health.Drain] with a delay longer than the probe's period
// times its failure threshold, then shut the server down, stop workers, close
// pools, and call [Health.Close] last.
package health
