package connectors_test

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/bracework/bracework/breaker"
	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/netguard"
	"github.com/hashicorp/go-retryablehttp"
)

const (
	bare = "net/http"
	ours = "bracework"

	timeout = 10 * time.Second
)

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// call makes one call and returns what was answered, which is valid until the
// next call.
type call func() (answer, error)

// answer is of a client. One that tells neither status nor body has the zero
// answer.
type answer struct {
	status int
	body   []byte
}

// contender is one of the clients compared.
type contender struct {
	name string
	// open returns a new client that calls a URL, through stub unless it is nil.
	open func(url string, stub http.RoundTripper) call
	// otherBody says that what it sends means the same and is written
	// differently.
	otherBody bool
}

type doer func(*http.Request) (*http.Response, error)

// requesters are contenders that send a request as it is.
func requesters(method string, body []byte) []contender {
	with := func(name string, client func(stub http.RoundTripper) doer) contender {
		return contender{name: name, open: func(url string, stub http.RoundTripper) call {
			do, room := client(stub), &bytes.Buffer{}
			return func() (answer, error) {
				r, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
				if err != nil {
					return answer{}, err
				}
				return exchange(do, r, room)
			}
		}}
	}
	return []contender{
		with(bare, func(stub http.RoundTripper) doer { return bareClient(stub).Do }),
		with(ours, func(stub http.RoundTripper) doer { return newClient(stub, connectors.ClientConfig{}).Do }),
		with("bracework-breaker", func(stub http.RoundTripper) doer { return newClient(stub, withBreaker()).Do }),
		with("bracework-guarded", func(stub http.RoundTripper) doer { return newClient(stub, withGuard()).Do }),
		with("retryablehttp", func(stub http.RoundTripper) doer {
			c := retryablehttp.NewClient()
			c.Logger, c.HTTPClient = nil, bareClient(stub)
			return c.StandardClient().Do
		}),
	}
}

// exchange makes a call and reads the whole answer into room.
func exchange(do doer, r *http.Request, room *bytes.Buffer) (answer, error) {
	resp, err := do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	room.Reset()
	_, err = room.ReadFrom(resp.Body)
	return answer{resp.StatusCode, room.Bytes()}, err
}

func bareClient(stub http.RoundTripper) *http.Client {
	if stub == nil {
		stub = &http.Transport{}
	}
	return &http.Client{Transport: stub, Timeout: timeout}
}

func withBreaker() connectors.ClientConfig {
	group := must(breaker.NewGroup(0, breaker.Config{}))
	return connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return breaker.Transport(next, group, breaker.TransportConfig{})
	}}
}

func withGuard() connectors.ClientConfig {
	return connectors.ClientConfig{Guard: must(netguard.New(netguard.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AnyPort: true,
	}))}
}

// newClient returns a client whose connections, unless stub is nil, stub replaces.
func newClient(stub http.RoundTripper, cfg connectors.ClientConfig) *connectors.Client {
	wrap := cfg.Wrap
	cfg.Timeout = timeout
	cfg.Wrap = func(next http.RoundTripper) http.RoundTripper {
		if stub != nil {
			next = stub
		}
		if wrap != nil {
			next = wrap(next)
		}
		return next
	}
	return must(connectors.NewClient(cfg))
}
