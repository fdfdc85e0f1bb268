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
// A call has 10 s from its start to the end of its body, and within them 3 s to
// connect, 3 s for TLS and 8 s for the header of the answer. An answer has at
// most 64 KiB of header and 1 MiB of body, counted after decompression. No
// redirect is followed: net/http would send the URL, which may be a credential,
// to the target as Referer, and repeat the body there.
//
// A call is made once. Nothing here repeats it: whether a message that met a
// timeout has arrived is for the caller to judge, who learns from [Error.Unsent]
// when it certainly has not. A handler behind the idempotency middleware should
// answer an unclear end with a status that is stored, so that the client's retry
// does not send the message twice.
//
// # Secrets
//
// A credential is a [Secret]. Errors of net/http name the whole URL, so none of
// them is kept: an [Error] says the host, the kind and a fixed sentence. It still
// answers [errors.Is] for what lies below it.
//
// # Dry run
//
// A dry run in plan mode does everything up to the socket, and says what would be
// sent. Its context makes every Client use a transport that only fails, in place
// of its own and of what [ClientConfig.Wrap] put around it. So it opens no
// connection, takes no token and counts in no breaker; and it writes no record.
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
	// Test makes one harmless call to learn whether the integration works.
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
