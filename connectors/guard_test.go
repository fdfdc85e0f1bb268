package connectors_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/netguard"
)

// local is a guard that permits 127.0.0.1 only, on every port. It knows the names
// permitted.test and internal.test, and never hears of slow.test.
func local(t *testing.T) *netguard.Guard {
	t.Helper()
	g, err := netguard.New(netguard.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AnyPort: true,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go names(there)
			return here, nil
		}},
	})
	require.NoError(t, err)
	return g
}

// names is a DNS server on one connection (RFC 1035, sections 4.1 and 4.2.2).
func names(conn net.Conn) {
	defer conn.Close()
	addrs := map[string][]byte{"\x09permitted": {127, 0, 0, 1}, "\x08internal": {10, 0, 0, 1}}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		label := string(query[12 : 13+query[12]])
		question := query[12 : 12+len(label)+len("\x04test\x00")+4]
		addr, known := addrs[label]
		isA := binary.BigEndian.Uint16(question[len(question)-4:]) == 1
		status, count := []byte{0x81, 0x83}, byte(0) // no such name
		if known {
			status = []byte{0x81, 0x80}
		}
		if known && isA {
			count = 1
		}
		reply := append(append(query[:2:2], status...), 0, 1, 0, count, 0, 0, 0, 0)
		reply = append(reply, question...)
		if count == 1 {
			reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), addr...)
		}
		if label == "\x04slow" {
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// What a customer sees of a host that is forbidden, of one that does not exist, and
// of one that does not answer, is the same in every respect but the time and the
// kind.
func TestAGuardedCallTellsNothingOfTheNetwork(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(nobody(t), "http://"))
	tests := []struct {
		name, host string
		kind       connectors.Kind
		attempts   int
		detail     string
	}{
		{"an address that is refused", "127.0.0.2:" + port, connectors.KindBlocked, 0, "127.0.0.2"},
		{"a private address", "10.0.0.1", connectors.KindBlocked, 0, "10.0.0.1"},
		{"metadata", "169.254.169.254", connectors.KindBlocked, 0, "169.254.169.254"},
		{"a name of an address that is refused", "internal.test", connectors.KindBlocked, 1, "10.0.0.1"},
		{"a name that does not exist", "nope.test", connectors.KindNetwork, 3, "no such host"},
		{"a host that does not listen", "permitted.test:" + port, connectors.KindNetwork, 3, "refused"},
		{"an address that does not listen", "127.0.0.1:" + port, connectors.KindNetwork, 3, "refused"},
		{"a name that nobody answers for", "slow.test", connectors.KindTimeout, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var event connectors.Event
			timeout := 5 * time.Second
			if tt.kind == connectors.KindTimeout {
				timeout = 300 * time.Millisecond
			}
			c := client(t, connectors.ClientConfig{Guard: local(t), Timeout: timeout, Observer: func(_ context.Context, e connectors.Event) { event = e }})
			_, _, err := post(t.Context(), c, "http://"+tt.host)
			e := typed(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.True(t, e.Unsent)
			assert.Equal(t, tt.host, e.Host)
			assert.Equal(t, "the host cannot be reached", e.Message)
			assert.Equal(t, "unreachable", e.Code)
			assert.Equal(t, "connectors: "+tt.host+": the host cannot be reached (unreachable)", err.Error())
			assert.Zero(t, e.Status)
			assert.Zero(t, e.RetryAfter)
			for _, below := range []error{
				netguard.ErrBlocked, syscall.ECONNREFUSED, context.DeadlineExceeded, context.Canceled, io.EOF,
				&net.DNSError{}, &net.OpError{},
			} {
				require.NotErrorIs(t, err, below)
			}
			if _, found := errors.AsType[*net.DNSError](err); found {
				t.Error("a DNS error shows")
			}
			if !strings.HasPrefix(tt.host, "1") {
				assert.NotContains(t, printed(err), "10.0.0.1")
				assert.NotContains(t, printed(err), "127.0.0.1")
			}
			r := connectors.NewResult(time.Now(), "", err)
			assert.Equal(t, [2]string{"the host cannot be reached", "unreachable"}, [2]string{r.Message, r.Code})

			assert.Equal(t, tt.attempts, event.Attempts)
			assert.Equal(t, tt.kind, event.Kind)
			assert.Contains(t, event.Detail, tt.detail)
		})
	}
}

func TestAGuardChecksTheURLFirst(t *testing.T) {
	t.Parallel()
	guard, err := netguard.New(netguard.Config{})
	require.NoError(t, err)
	c := client(t, connectors.ClientConfig{Guard: guard, Wrap: instead(func(*http.Request) (*http.Response, error) {
		t.Error("the wrapper was reached")
		return nil, io.EOF
	})})
	for raw, want := range map[string]string{
		"http://h.test:22/":              "the port is not permitted",
		"ftp://h.test/":                  "the scheme of the URL is neither https nor http",
		"http://u:" + token + "@h.test/": "the URL contains user information",
		"http://0x7f.1/":                 "the host is neither a name nor an IP address in its usual form",
		"http:///x":                      "the host is neither a name nor an IP address in its usual form",
	} {
		for _, ctx := range []context.Context{t.Context(), connectors.ProbeContext(t.Context())} {
			u, err := url.Parse(raw)
			require.NoError(t, err)
			body := &closing{}
			_, err = c.Do((&http.Request{URL: u, Body: body}).WithContext(ctx))
			e := typed(t, err)
			assert.Equal(t, connectors.KindBlocked, e.Kind)
			assert.Equal(t, "blocked", e.Code)
			assert.Equal(t, want, e.Message)
			assert.True(t, e.Unsent)
			assert.True(t, e.Permanent())
			assert.True(t, body.closed.Load())
		}
	}
	_, err = c.Do(&http.Request{})
	assert.Equal(t, connectors.KindBlocked, typed(t, err).Kind)
}

func TestWhatAGuardPermits(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{Guard: local(t)})
	for _, base := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "permitted.test", 1)} {
		_, body, err := post(t.Context(), c, base)
		require.NoError(t, err)
		assert.Equal(t, "ok", body)
	}
	assert.Nil(t, connectors.TransportOf(c).Proxy, "a proxy would connect past the guard")
	assert.NotNil(t, connectors.TransportOf(client(t, connectors.ClientConfig{})).Proxy)
	limits := connectors.TransportOf(client(t, connectors.ClientConfig{Timeout: time.Minute, Guard: local(t)}))
	assert.EqualValues(t, 64<<10, limits.MaxResponseHeaderBytes)
	assert.Equal(t, 48*time.Second, limits.ResponseHeaderTimeout)
}

// A host that was connected to is no secret any more.
func TestAGuardHidesNothingBehindAConnection(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = silentLog()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{Guard: local(t), Attempts: -1})
	_, _, err := post(t.Context(), c, srv.URL)
	assert.Equal(t, "the certificate is not valid", typed(t, err).Message)
	_, _, err = post(t.Context(), c, raw(t, hangsUp(readSome)))
	assert.Equal(t, "connection broken", typed(t, err).Message)
	require.ErrorIs(t, err, io.EOF)

	short := client(t, connectors.ClientConfig{Guard: local(t), Timeout: 200 * time.Millisecond})
	_, _, err = post(t.Context(), short, raw(t, readSome))
	assert.Equal(t, "no answer in time", typed(t, err).Message)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = post(ctx, c, "http://internal.test")
	assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind, "who canceled knows it")
}
