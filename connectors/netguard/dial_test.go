package netguard_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// hello listens on the allowed address and says hello to every connection.
func hello(t *testing.T) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", allowed+":0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	_, port, err = net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port
}

func dial(t *testing.T, g *netguard.Guard, address string) (string, error) {
	t.Helper()
	conn, err := g.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	assert.Contains(t, conn.RemoteAddr().String(), allowed+":")
	said, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(said), nil
}

// Several addresses of a name are tried one after another, those of the two
// families side by side (RFC 8305). A refused one does not spoil the others, and
// is not connected to.
func TestOfSeveralAddressesThePermittedOnesAreDialled(t *testing.T) {
	t.Parallel()
	for _, addrs := range []string{
		allowed,
		refused + " " + allowed,
		allowed + " " + refused,
		refused + " 127.0.0.3 ::1 " + allowed,
		"::1 " + allowed,
	} {
		t.Run(addrs, func(t *testing.T) {
			t.Parallel()
			z := &zone{hosts: map[string][][]netip.Addr{"host.test": lists(addrs)}}
			said, err := dial(t, local(t, z.resolver()), "host.test:"+hello(t))
			require.NoError(t, err)
			assert.Equal(t, "hello", said)
		})
	}
	for _, addrs := range []string{refused, "::1", refused + " ::1 127.0.0.3", "::ffff:" + refused} {
		t.Run(addrs, func(t *testing.T) {
			t.Parallel()
			z := &zone{hosts: map[string][][]netip.Addr{"host.test": lists(addrs)}}
			_, err := dial(t, local(t, z.resolver()), "host.test:80")
			require.EqualError(t, err, public)
			assertRefusal(t, err)
			assert.Contains(t, detail(t, err), "host.test:80: netguard: blocked: ")
		})
	}
}

// The server of a domain that answers each lookup anew.
func TestRebinding(t *testing.T) {
	t.Parallel()
	port := unvisited(t, refused)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}))
	ln, err := net.Listen("tcp", allowed+":"+port)
	require.NoError(t, err)
	_ = srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.Close)

	z := &zone{hosts: map[string][][]netip.Addr{"rebind.test": lists(allowed, refused)}}
	g := local(t, z.resolver())
	c := client(t, g, &http.Transport{DisableKeepAlives: true})
	address := "http://rebind.test:" + port + "/"
	require.NoError(t, g.CheckURL(parse(t, address)), "nothing is looked up")
	assert.Empty(t, z.lookups())

	body, err := get(t, c, address)
	require.NoError(t, err)
	assert.Equal(t, "ok", body)
	_, err = get(t, c, address)
	require.ErrorIs(t, err, netguard.ErrBlocked)
	assert.Equal(t, []string{"rebind.test", "rebind.test"}, z.lookups(), "one lookup for each connection")
}

func TestRefusedBeforeTheLookup(t *testing.T) {
	t.Parallel()
	z := &zone{hosts: map[string][][]netip.Addr{"host.test": lists(allowed)}}
	g := guard(t, netguard.Config{Allow: prefixes(allowed + "/32"), Resolver: z.resolver()})
	for address, want := range map[string]string{
		"host.test:22":          badPort,
		"host.test:0":           badPort,
		"host.test:http":        badPort,
		"host.test:":            badPort,
		"host.test":             badHost,
		"0177.0.0.1:80":         badHost,
		"2130706433:80":         badHost,
		"127.0.0.1.:80":         badHost,
		"hóst.test:80":          badHost,
		"[host.test%lo]:80":     badHost,
		":80":                   badHost,
		"[fe80::1%lo]:80":       public,
		"127.0.0.2:80":          public,
		"[::ffff:127.0.0.2]:80": public,
	} {
		_, err := g.DialContext(t.Context(), "tcp", address)
		require.EqualError(t, err, want, address)
		assertRefusal(t, err)
	}
	_, err := g.DialContext(t.Context(), "udp", "host.test:80")
	require.ErrorIs(t, err, netguard.ErrBlocked)
	_, err = g.DialContext(t.Context(), "unix", "/var/run/docker.sock")
	require.ErrorIs(t, err, netguard.ErrBlocked)
	assert.Empty(t, z.lookups())
}

// Whoever chose the URL sees the same for an address that is refused, a name
// that does not exist and a port that nobody listens on.
func TestFailuresLookAlike(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", allowed+":0")
	require.NoError(t, err)
	silent := ln.Addr().String()
	require.NoError(t, ln.Close())
	z := &zone{hosts: map[string][][]netip.Addr{"vault.test": lists(refused)}}
	g := local(t, z.resolver())

	tests := []struct {
		name, address, detail string
		is                    error
	}{
		{"refused", refused + ":80", `netguard: blocked: "127.0.0.2": loopback`, netguard.ErrBlocked},
		{"refused by name", "vault.test:80", "vault.test:80: netguard: blocked: 127.0.0.2:80: loopback", netguard.ErrBlocked},
		{"unknown", "nobody.test:80", "no such host", nil},
		{"nobody listens", silent, "refused", syscall.ECONNREFUSED},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := dial(t, g, tt.address)
			require.EqualError(t, err, public)
			assert.Contains(t, detail(t, err), tt.detail)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			assert.Equal(t, errors.Is(tt.is, netguard.ErrBlocked), errors.Is(err, netguard.ErrBlocked))

			_, err = get(t, client(t, g, nil), "http://"+tt.address+"/x")
			require.EqualError(t, err, `Get "http://`+tt.address+`/x": `+public)
			assert.Equal(t, errors.Is(tt.is, netguard.ErrBlocked), errors.Is(err, netguard.ErrBlocked), "through *url.Error")
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	g := local(t, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := g.DialContext(ctx, "tcp", "host.test:80")
	require.EqualError(t, err, public)
	e, ok := errors.AsType[*netguard.Error](err)
	require.True(t, ok)
	assert.True(t, e.Timeout())
	require.NotErrorIs(t, err, netguard.ErrBlocked)

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = g.DialContext(ctx, "tcp", "host.test:80")
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), "host.test")
}

// Control in a dialer of one's own: refused all the same, but net.Dialer names
// the address.
func TestControlOfAnotherDialer(t *testing.T) {
	t.Parallel()
	port := unvisited(t, refused)
	d := net.Dialer{ControlContext: local(t, nil).Control}
	_, err := d.DialContext(t.Context(), "tcp", refused+":"+port)
	require.ErrorIs(t, err, netguard.ErrBlocked)
	var below *net.OpError
	require.ErrorAs(t, err, &below)
	assert.True(t, strings.HasSuffix(err.Error(), public), "%v", err)

	conn, err := d.DialContext(t.Context(), "tcp", allowed+":"+hello(t))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
