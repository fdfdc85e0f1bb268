// Package connectors holds what outgoing integrations share: a [Client] whose
// calls end in time and leak nothing, a [Secret] that masks itself, a typed
// [Error], and a [Registry] that executes actions and shows what they would do.
// The providers are packages below this one. Nothing here starts a goroutine of
// its own; net/http keeps two for each idle connection until [Client.Close].
//
// # Model
//
// A [Connector] is one configured integration. An [Action] names what to do and
// carries its configuration, a JSON object. A [Registry] finds the connector of
// an action type, fills the configuration from a payload, and executes it
// ([Registry.Execute]) or plans it ([Registry.DryRun]). It renders and
// validates with the same functions in both cases.
//
// # Calls
//
// A call has 10 s from its start to the end of its body, attempts and waits
// included, and within them each attempt has 3 s to connect, 3 s for TLS and 8 s
// for the header of the answer. An answer has at most 64 KiB of header and 1 MiB
// of body, counted after decompression; more is [KindTooLarge], but over HTTP/2 far
// more of header is a broken connection. Status 101 (Switching Protocols) is
// [KindServer]. No redirect is followed: net/http would
// send the URL, which may be a credential, to the target as Referer, and repeat
// the body there.
//
// # Repetition
//
// A call is made three times at most, and again only when that cannot double its
// effect:
//
//   - Any request, after a failure before it got a connection ([Error.Unsent]),
//     and after status 429 with Retry-After.
//   - Besides, a request that is harmless to repeat: after a connection that
//     broke, an attempt that took too long, and status 429, 502, 503 or 504.
//     Harmless are the idempotent methods (RFC 9110, section 9.2.2: GET, HEAD,
//     OPTIONS, TRACE, PUT, DELETE), and any with an Idempotency-Key if
//     [CallOptions.Idempotent] says that the receiver knows it. Each attempt of
//     such a request has an equal share of the time that is left to get a
//     connection, so the first has a third; then it may use all that is left.
//
// So a POST is never sent again after an unclear end, and 503 is one even with
// Retry-After: a proxy that lost the receiver answers so too. Nor is a request whose body
// cannot be had again ([http.Request.GetBody]), one that a circuit breaker or a
// [netguard.Guard] refused, one that is malformed, or one that was canceled. An
// answer whose header has come is the caller's, and a body that breaks is not
// fetched again.
//
// The wait between attempts is random, up to 250 ms before the second, doubling up
// to 5 s, and at most half of the time left; what Retry-After asks for (RFC 9110,
// section 10.2.3) comes on top. If that does not fit into the time left, the call
// ends at once with what it has. Repetitions come from a budget, so that an outage is not
// multiplied: see [ClientConfig.RetryBudget].
//
// Whether a message that met a timeout has arrived is for the caller to judge, who
// learns from [Error.Unsent] when it certainly has not. A handler behind the
// idempotency middleware should answer an unclear end with a status that is
// stored, so that the client's retry does not send the message twice.
//
// # Secrets
//
// A credential is a [Secret]. Errors of net/http name the whole URL, so none of
// them is kept: an [Error] says the host, the kind and a fixed sentence. It still
// answers [errors.Is] for what lies below it.
//
// # Dry run
//
// A dry run has three modes. Plan, the default, does everything up to the socket,
// and says what would be sent. Its context makes every Client use a transport that
// only fails, in place of its own and of what [ClientConfig.Wrap] put around it.
// Probe makes the one harmless call of [Connector.Test], past Wrap, once. Neither
// takes a token, counts in a breaker or writes a record. Send executes the action
// for real, and only when it is asked for by name; [RegistryConfig.Modes] takes it
// away.
package connectors

import (
	"context"
	"encoding/json"
	"net/http"
)

// Connector is one configured integration. Its methods may be called
// concurrently, and their errors are [*Error].
type Connector interface {
	// Name is a short, stable name, such as "slack".
	Name() string
	// Execute performs the action. Result.Success is true exactly when the
	// error is nil.
	Execute(ctx context.Context, a Action) (Result, error)
	// Plan validates the action and returns the request that Execute would
	// make. It opens no connection.
	Plan(ctx context.Context, a Action) (Plan, error)
	// Test makes one harmless call, under [ProbeContext], to learn whether the
	// integration works. It waits for no limiter.
	Test(ctx context.Context) Result
}

// Action is what to do.
type Action struct {
	// Type is the kind of action, such as "slack_message".
	Type string
	// Config is a JSON object, rendered. Its members are the connector's.
	Config json.RawMessage
	// Unrendered says that Config still holds placeholders, and that a string
	// in it may stand for a value of another type. Only Plan gets such actions.
	Unrendered bool
}

// Plan is the request that an action would make. It holds no credential.
type Plan struct {
	Method   string      `json:"method"`
	URL      string      `json:"url"` // without the parts that are secret
	Header   http.Header `json:"header,omitempty"`
	Body     string      `json:"body,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
	// Summary says in one line what would be done. It begins with "would".
	Summary string `json:"summary"`
}
