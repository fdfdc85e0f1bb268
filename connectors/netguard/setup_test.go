package netguard_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// The only address that tests connect to, and one that listens but is refused.
const (
	allowed = "127.0.0.1"
	refused = "127.0.0.2"
)

// public is the text of each error that has to do with the network.
const public = "netguard: the host cannot be reached"

func guard(tb testing.TB, cfg netguard.Config) *netguard.Guard {
	tb.Helper()
	g, err := netguard.New(cfg)
	require.NoError(tb, err)
	return g
}

// local permits allowed on every port, and looks up names in resolver.
func local(tb testing.TB, resolver *net.Resolver) *netguard.Guard {
	tb.Helper()
	return guard(tb, netguard.Config{Allow: prefixes(allowed + "/32"), AnyPort: true, Resolver: resolver})
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// permits asks Control about an address on a permitted port.
func permits(tb testing.TB, g *netguard.Guard, addr string) bool {
	tb.Helper()
	err := g.Control(tb.Context(), "tcp", net.JoinHostPort(addr, "443"), nil)
	if err != nil {
		assertRefusal(tb, err)
	}
	return err == nil
}

func assertRefusal(tb testing.TB, err error) {
	tb.Helper()
	require.ErrorIs(tb, err, netguard.ErrBlocked)
	assert.Contains(tb, detail(tb, err), "netguard: blocked: ")
}

func detail(tb testing.TB, err error) string {
	tb.Helper()
	e, ok := errors.AsType[*netguard.Error](err)
	require.True(tb, ok, "%T: %v", err, err)
	return e.Detail()
}

// client follows redirects as the package comment says, over a transport of its
// own.
func client(tb testing.TB, g *netguard.Guard, base *http.Transport) *http.Client {
	tb.Helper()
	tr := g.Transport(base)
	tb.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: g.CheckRedirect, Timeout: 10 * time.Second}
}

// get returns the body, and the error below the *url.Error.
func get(tb testing.TB, c *http.Client, address string) (string, error) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, address, nil)
	require.NoError(tb, err)
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	return string(body), nil
}

func parse(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.Parse(text)
	require.NoError(tb, err)
	return u
}

// unvisited returns the port of a server at addr that must see no connection, and
// fails the test if it does.
func unvisited(t *testing.T, addr string) string {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Skip("no such address on this system: ", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
			t.Error("a refused address was connected to")
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port
}
