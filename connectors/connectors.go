// Package connectors holds what outgoing integrations share: a [Client] whose
// calls cannot hang or leak, the [Secret] that masks itself, a typed [Error],
// and a [Registry] with a dry run. The providers are packages below this one.
// Nothing here starts a goroutine; a Client keeps idle connections until
// [Client.Close].
//
// # Dry run
//
// A dry run in plan mode does everything up to the socket: it resolves the
// action, renders its configuration, validates it and builds the request. It
// says what would be sent, and sends nothing: under a dry run's context every
// call of a Client fails. It writes no record, takes no token and counts in no
// breaker.
//
// # Limits
//
// This version does not repeat calls: whether a message that timed out has
// arrived is for the caller to judge ([Error.Unsent]). A handler behind the
// idempotency middleware should answer an unclear end with a status that is
// stored (Config.StoreResponse), so that the client's retry does not send the
// message twice; examples/server does so.
package connectors

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Connector is one configured integration. Its methods may be called
// concurrently; their errors are [*Error], and Result.Success is true exactly
// when the error is nil.
type Connector interface {
	// Name is a short, stable name, such as "slack".
	Name() string
	// Execute performs the action.
	Execute(ctx context.Context, a Action) (Result, error)
	// Plan says what Execute would do. It opens no connection.
	Plan(ctx context.Context, a Action) (Plan, error)
	// Test makes one harmless call to learn whether the integration works.
	Test(ctx context.Context) Result
}

// Action is what to do.
type Action struct {
	Type   string          // such as "slack_message"
	Config json.RawMessage // a JSON object, rendered; its members are the connector's
}

// Plan is a request that would be made.
type Plan struct {
	Method  string          `json:"method"`
	Host    string          `json:"host"`   // the path of a webhook is its secret
	Header  http.Header     `json:"header"` // without credentials
	Body    json.RawMessage `json:"body"`
	Summary string          `json:"summary"` // one sentence that begins with "would"
}

// Result is the outcome of an action or a test, in the form in which APIs show
// it.
type Result struct {
	Success   bool      `json:"success"`
	Message   string    `json:"message"` // holds no secret
	Duration  Duration  `json:"duration"`
	Timestamp time.Time `json:"timestamp"` // UTC, when the call ended
	Code      string    `json:"code,omitempty"`
	DryRun    bool      `json:"dry_run,omitempty"`
}

// NewResult makes a Result of a call that began at start.
func NewResult(start time.Time, message string, err error) Result {
	now := time.Now()
	r := Result{Success: err == nil, Message: message, Duration: Duration(now.Sub(start)), Timestamp: now.UTC()}
	if err != nil {
		r.Message, r.Code = describe(err)
	}
	return r
}

// Duration is a time.Duration whose text and JSON form is that of
// [time.Duration.String], rounded to a hundredth of a millisecond: "150ms".
type Duration time.Duration

// String returns the text form.
func (d Duration) String() string { return time.Duration(d).Round(10 * time.Microsecond).String() }

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

type noNetworkKey struct{}

// withoutNetwork makes every [Client] refuse to work.
func withoutNetwork(ctx context.Context) context.Context {
	return context.WithValue(ctx, noNetworkKey{}, true)
}
