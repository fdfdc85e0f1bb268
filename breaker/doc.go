// Package breaker is a circuit breaker: it stops calling an upstream that fails, refuses calls at once for a while, and
// lets a few probes through before it trusts the upstream again. It starts no goroutine and needs no Close; time is read
// when a call comes.
//
// # Model
//
// A circuit is [Closed] and counts outcomes. It opens after a run of failures ([Config.Consecutive], 5), when the share
// of failures in a sliding window is too high ([Config.FailureRate], half of at least 10 calls in 60 s), or when too many
// calls are slow ([Config.SlowCall], off by default). [Open], it refuses every call with an [OpenError] for
// [Config.OpenFor], 30 s give or take a random fifth. After that it is [HalfOpen]: it lets [Config.Probes] calls through
// at once, closes after [Config.ProbeSuccesses] successes and opens again, for twice as long, at the first failure.
//
// [Breaker.Do] and [Call] run a function. [Breaker.Allow] is for a call whose outcome is known elsewhere. [Transport] puts
// a circuit in front of each host that an [net/http.Client] calls, out of a bounded [Group]; [Breaker.Handler] puts one
// in front of a handler. [Breaker.ForceOpen], [Breaker.ForceClosed], [Breaker.Auto] and [Breaker.Reset] are for operators.
// All methods may be called concurrently.
//
// # Outcomes
//
// A call is judged by its own context first: if the caller cancelled it (ctx.Err() is [context.Canceled], whatever the
// error looks like), or if its context had ended before it began, it says nothing about the upstream and is [Neutral].
// A deadline that expires during the call is a [Failure]: to a caller, an upstream that does not answer in time does not
// work. A refusal by another breaker further in is Neutral. A nil error is a [Success], also if the context has ended
// meanwhile. [Config.Classify] judges the other errors. A panic and [runtime.Goexit] are failures, and the panic
// continues with its own value; a panic with [net/http.ErrAbortHandler] is Neutral. What statuses mean is told at
// [TransportConfig.Classify] and [Breaker.Handler].
//
// # Guarantees
//
//   - A half-open circuit cannot stay half-open for want of an outcome: a probe that does not report within
//     [Config.ProbeTimeout] counts as failed.
//   - An outcome counts when it is reported, however long the call took. Running calls are in no rate.
//   - An outcome moves only the period that admitted the call: what a call started before the circuit opened says later
//     neither closes nor reopens it. Such outcomes are in the totals of [Breaker.Snapshot].
//   - [Breaker.State], [Breaker.RetryAfter], [Breaker.Snapshot] and [Breaker.Check] change nothing. They tell what a call
//     at that moment would find: an open period that is over reads as half-open. The [Change] follows with the next call.
//   - The time in a refusal is never too short: it is too long by less than a millisecond.
//   - Hooks run with no lock held. They may use the breaker, and their panics are contained.
//   - A refusal allocates nothing but once a millisecond, or an eighth of what is left to wait, and a Do on a closed circuit nothing at all.
//   - A group never holds more breakers than its limit, whatever keys come, and never drops one that is open, forced,
//     calling, or counting failures.
//
// # One source of truth
//
// The state machine is that of github.com/sony/gobreaker/v2. The gate in front of it owns the window, the probe leases,
// the forced states and the remaining time; it tells the machine each outcome that can move it in one step, under the
// gate's lock, so that nothing is ever pending inside the machine. The machine's ReadyToTrip reads the gate's window. Each
// open period is a fresh machine with that period's own length. What the machine cannot say is the gate's alone: a
// forced state stands in front of it, and a pause that an upstream asks for is a fresh machine that is open.
//
// # Limits
//
// The state is local to the process, by design. A shared circuit puts a network call, which may itself fail, in
// front of every call; its lock or its stale copy decides for the whole fleet; and one instance with a broken route would
// cut off all the others. Each instance finds out by itself within a few calls, and the random fifth keeps their probes
// apart.
//
// A breaker does not limit concurrency, does not retry and sets no deadline: a call that hangs for ever is counted
// only if it is a probe. Give calls a deadline.
package breaker
