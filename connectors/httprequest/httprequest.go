// Package httprequest makes the HTTP requests that customers configure: a URL, a
// method, header and a body. It starts no goroutine.
//
// # Action
//
// The configuration of an action is a JSON object:
//
//	{
//	  "method": "POST",
//	  "url": "https://api.example.com/orders?page=2",
//	  "headers": {"X-Source": "shop"},
//	  "secret_headers": {"Authorization": "shop-api"},
//	  "body": {"id": 9007199254740993, "price": 1.10}
//	}
//
// Only url is required. The method is POST, unless it is given, and one of
// [Config.Methods]. A header has a string, a number or a boolean; null leaves it
// out. The body is any JSON value but null, and its bytes are sent as they are:
// numbers, the order of members and white space stay. A JSON string is a text to
// send, in any format. Without a header that says it, the Content-Type of a text is
// text/plain, that of other bodies application/json. GET and HEAD have no body
// (RFC 9110, section 9.3.1).
//
// A URL has at most 8 KiB of ASCII, with everything else percent-encoded, no user
// information and no fragment. Header fields together have at most 16 KiB, their
// names and values the form of RFC 9110, section 5, and none of them may be one
// that belongs to the connection: Host, Content-Length, Transfer-Encoding,
// Connection, Upgrade, Expect, Proxy-... and the like.
//
// # Where it connects to
//
// Customers choose the URL, so that each connection passes a [netguard.Guard]: by
// default only public addresses are called, on ports 80 and 443, and no proxy is
// used. A call that reached nobody fails with the code "unreachable" and one
// message, whether the address was refused, the name does not exist, or nobody
// answered: otherwise customers could list your hosts. [connectors.Error.Kind] tells
// operators more; do not show it to customers, nor anything that depends on it.
// Without a guard ([Config.Unguarded]) the messages are those of package
// connectors.
//
// # Answers
//
// Success is a status of 2xx. [Connector.Execute] needs no more of an answer:
// what follows its header changes nothing. [Connector.Do] returns the answer, for
// steps that use it. Everything else is a [*connectors.Error]:
//
//	redirect          3xx; KindInvalid
//	http_404, ...     other statuses; the kind is that of [connectors.KindOfStatus],
//	                  and RetryAfter that of 429 and 503, at most one hour
//	unreachable       nobody was reached
//	certificate       the host was reached, its certificate is not valid
//	url_refused       the guard refuses the form of the URL; KindBlocked
//	invalid_..., ...  the configuration; KindInvalid, and nothing was sent
//
// Redirects are not followed, unless [Config.FollowRedirects] is set: a body must
// not go where nobody asked for, and a URL may be a credential.
//
// # Repetition
//
// A request is repeated as [connectors.Client.Call] does: GET, HEAD, OPTIONS, PUT
// and DELETE after failures that may pass, others only when they certainly have
// not arrived, or after a 429 that says when to come again. Others carry an
// idempotency key: that of the action, else that of
// [connectors.WithIdempotencyKey], else a random one for each execution. All
// attempts of an execution have the same. [Config.Idempotent] says that receivers
// know the key; then those are repeated too whose end is unclear.
//
// # Secrets
//
// A value of secret_headers is the name of a credential, which [Config.Secret]
// returns. It goes nowhere but into the request: not into an error, a log line, a
// plan or a [Response], unless the receiver sends it back. It is sent over https
// only, or to a loopback address. It is a member of its own, so that no text that
// a payload fills in can name a credential.
//
// What customers write into url, headers and body by themselves is not known to
// be secret. No error holds any of it but the host. A plan shows of a URL the
// host alone, and masks the header fields whose names look secret; see
// [Config.ShowPath].
//
// # Limits
//
//   - A call has the limits of its client: 10 s in all, 1 MiB of answer.
//   - Calls are not paced. Put a breaker for each host into
//     [connectors.ClientConfig.Wrap]; it keeps the pauses that receivers ask for.
//   - The limits of netguard hold: the time that a refusal takes can be measured.
//     A breaker that opens after failures, but not after refusals, tells them apart
//     too.
//   - An answer that never ends keeps Execute for as long as the call may take.
package httprequest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/netguard"
)

// name is the Name of a Connector and the Connector of its errors.
const name = "httprequest"

// Config configures a [Connector]. Its functions may be called concurrently.
type Config struct {
	// Client makes the calls. One without [connectors.ClientConfig.Guard] is
	// refused, unless Unguarded is set. Default: one of the Connector's own, with
	// default settings and Guard.
	Client *connectors.Client
	// Guard is that of the Connector's own client. Default: netguard.Config{},
	// which permits public addresses on ports 80 and 443.
	Guard *netguard.Guard
	// Unguarded permits a client without a guard, which calls every address,
	// those inside your network included. For URLs that only you write.
	Unguarded bool
	// Methods are those that an action may have. CONNECT and TRACE cannot be
	// among them. Default: GET, HEAD, POST, PUT, PATCH, DELETE.
	Methods []string
	// MaxRequestBody is the largest body that is sent, in bytes. Default: 1 MiB.
	// It cannot be switched off.
	MaxRequestBody int64
	// Secret returns the whole value of a header, such as "Bearer ...", by the
	// name that a customer gave it in secret_headers. The context is that of the
	// call, and knows whose it is. The host is that of the URL, in lower case and
	// without the port: return a credential only for the hosts that it belongs
	// to, since who may change the URL could otherwise send it to himself. A zero
	// Secret says that there is none of that name. An error says that it could
	// not be looked up; the call may be tried again, unless it is an
	// [*connectors.Error] that says otherwise. Default: actions have no
	// secret_headers.
	Secret func(ctx context.Context, name, host string) (connectors.Secret, error)
	// Sign adds to a request what proves its origin, once for all its attempts.
	// It may set header fields, and must keep neither r nor body. Errors count as
	// those of Secret do. Default: requests are not signed.
	Sign func(r *http.Request, body []byte) error
	// IdempotencyHeader is the field that carries the idempotency key of a
	// request whose method is not idempotent. Default: Idempotency-Key.
	IdempotencyHeader string
	// Idempotent says that all receivers take a request with the same key for the
	// same request. It needs an IdempotencyHeader that the client knows as one:
	// Idempotency-Key or X-Idempotency-Key.
	Idempotent bool
	// FollowRedirects makes GET and HEAD follow up to three redirects. Each hop
	// passes the guard, and another host gets only the header that describes the
	// content ([netguard.Guard.CheckRedirect]). It needs a guard.
	FollowRedirects bool
	// ShowPath makes a plan show the path of a URL, and the names in its query.
	// Many URLs of webhooks are credentials, and which part of a path is one
	// cannot be told. Set it where plans are seen only by those who may see the
	// URL. Default: a plan shows the host.
	ShowPath bool
	// TestURL is what [Connector.Test] asks for. Default: nothing is tested.
	TestURL string
}

// Connector makes HTTP requests. Create it with [New]. Its methods may be called
// concurrently.
type Connector struct {
	cfg     Config
	client  *connectors.Client
	guard   *netguard.Guard // nil: unguarded
	methods map[string]bool
	test    *url.URL // nil: nothing to test
}

var _ connectors.Connector = (*Connector)(nil)

// New returns a Connector. The error names the field of cfg that is wrong.
func New(cfg Config) (*Connector, error) {
	client, err := clientOf(cfg)
	if err != nil {
		return nil, err
	}
	c := &Connector{cfg: cfg, client: client, guard: client.Guard()}
	if c.methods, err = methods(cfg.Methods); err != nil {
		return nil, err
	}
	if c.cfg.MaxRequestBody == 0 {
		c.cfg.MaxRequestBody = 1 << 20
	}
	if c.cfg.IdempotencyHeader == "" {
		c.cfg.IdempotencyHeader = "Idempotency-Key"
	}
	switch header := c.cfg.IdempotencyHeader; {
	case cfg.MaxRequestBody < 0:
		return nil, errors.New("httprequest: Config.MaxRequestBody is negative; a body always has a limit")
	case !isToken(header) || reserved(header):
		return nil, fmt.Errorf("httprequest: Config.IdempotencyHeader %q is not a field that a request can have", header)
	case cfg.Idempotent && !strings.EqualFold(header, "Idempotency-Key") && !strings.EqualFold(header, "X-Idempotency-Key"):
		return nil, fmt.Errorf("httprequest: Config.Idempotent needs Idempotency-Key or X-Idempotency-Key, not %q", header)
	case cfg.FollowRedirects && c.guard == nil:
		return nil, errors.New("httprequest: Config.FollowRedirects needs a guard, which checks each hop")
	}
	if cfg.TestURL != "" {
		u, e := c.parseURL(cfg.TestURL)
		if e != nil {
			return nil, errors.New("httprequest: Config.TestURL: " + e.Message)
		}
		c.test = u
	}
	return c, nil
}

// clientOf returns the client of a Connector, which is guarded unless cfg says
// otherwise.
func clientOf(cfg Config) (*connectors.Client, error) {
	switch {
	case cfg.Guard != nil && (cfg.Client != nil || cfg.Unguarded):
		return nil, errors.New("httprequest: Config.Guard goes with neither Client nor Unguarded; a Client has its own in ClientConfig.Guard")
	case cfg.Client != nil && cfg.Client.Guard() == nil && !cfg.Unguarded:
		return nil, errors.New("httprequest: Config.Client has no ClientConfig.Guard, and Unguarded is not set")
	case cfg.Client != nil:
		return cfg.Client, nil
	case cfg.Guard == nil && !cfg.Unguarded:
		guard, err := netguard.New(netguard.Config{})
		if err != nil {
			return nil, err
		}
		cfg.Guard = guard
	}
	return connectors.NewClient(connectors.ClientConfig{Guard: cfg.Guard})
}

func methods(list []string) (map[string]bool, error) {
	if len(list) == 0 {
		list = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	}
	set := map[string]bool{}
	for _, method := range list {
		method = strings.ToUpper(method)
		// TRACE would send the credentials back, CONNECT is for proxies.
		if !isToken(method) || method == http.MethodConnect || method == http.MethodTrace {
			return nil, fmt.Errorf("httprequest: Config.Methods: %q is not a method for actions", method)
		}
		set[method] = true
	}
	return set, nil
}

// Name returns "httprequest".
func (*Connector) Name() string { return name }
