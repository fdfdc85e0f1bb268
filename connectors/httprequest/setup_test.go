package httprequest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
	"github.com/bracework/bracework/connectors/netguard"
)

// token stands for every credential; it must appear nowhere.
const token = "XXXX-do-not-print"

// local permits one loopback address on every port, so that its neighbours stay
// refused.
func local(tb testing.TB, resolver *net.Resolver) *netguard.Guard {
	tb.Helper()
	g, err := netguard.New(netguard.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AnyPort: true, Resolver: resolver,
	})
	require.NoError(tb, err)
	return g
}

func client(tb testing.TB, cfg connectors.ClientConfig) *connectors.Client {
	tb.Helper()
	c, err := connectors.NewClient(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// connector is one that may call 127.0.0.1, unless cfg says where.
func connector(tb testing.TB, cfg httprequest.Config) *httprequest.Connector {
	tb.Helper()
	if cfg.Client == nil && !cfg.Unguarded {
		guard := cfg.Guard
		if guard == nil {
			guard = local(tb, nil)
		}
		cfg.Client, cfg.Guard = client(tb, connectors.ClientConfig{Guard: guard}), nil
	}
	c, err := httprequest.New(cfg)
	require.NoError(tb, err)
	return c
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stub is a guarded connector whose client never opens a connection.
func stub(tb testing.TB, cfg httprequest.Config, f roundTripper) *httprequest.Connector {
	tb.Helper()
	g, err := netguard.New(netguard.Config{})
	require.NoError(tb, err)
	cfg.Client = client(tb, connectors.ClientConfig{Guard: g, Wrap: func(http.RoundTripper) http.RoundTripper { return f }})
	return connector(tb, cfg)
}

// unused is a connector that must not call.
func unused(tb testing.TB, cfg httprequest.Config) *httprequest.Connector {
	tb.Helper()
	return stub(tb, cfg, func(*http.Request) (*http.Response, error) {
		tb.Error("something was called")
		return nil, errors.New("called")
	})
}

// request is what a receiver saw.
type request struct {
	method, target, host, body string
	header                     http.Header
}

// receiver records requests, and answers each with h, or 200.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

func receive(tb testing.TB, h http.HandlerFunc) *receiver {
	tb.Helper()
	rec := &receiver{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(tb, err)
		rec.mu.Lock()
		rec.seen = append(rec.seen, request{r.Method, r.RequestURI, r.Host, string(body), r.Header})
		rec.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	tb.Cleanup(rec.Close)
	return rec
}

func (rec *receiver) requests() []request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]request(nil), rec.seen...)
}

// only is the one request that was received.
func (rec *receiver) only(t *testing.T) request {
	t.Helper()
	all := rec.requests()
	require.Len(t, all, 1)
	return all[0]
}

// action is one whose %s are replaced by args, in their form within a JSON string.
func action(format string, args ...string) connectors.Action {
	escaped := make([]any, len(args))
	for i, arg := range args {
		b, err := json.Marshal(arg)
		if err != nil {
			panic(err)
		}
		escaped[i] = string(b[1 : len(b)-1])
	}
	config := format
	if len(args) > 0 {
		config = fmt.Sprintf(format, escaped...)
	}
	return connectors.Action{Type: "http_request", Config: json.RawMessage(config)}
}

func typed(tb testing.TB, err error) *connectors.Error {
	tb.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(tb, ok, "%T: %v", err, err)
	assert.Equal(tb, "httprequest", e.Connector)
	assert.NotEmpty(tb, e.Op)
	assert.NotEmpty(tb, e.Message)
	return e
}

// serve answers each connection on loopback with text, and holds it.
func serve(t *testing.T, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := make(chan struct{})
	var served sync.WaitGroup
	t.Cleanup(func() {
		close(stop)
		_ = ln.Close()
		served.Wait()
	})
	served.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, text)
				<-stop
			})
		}
	})
	return "http://" + ln.Addr().String()
}
