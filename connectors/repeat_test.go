package connectors_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// sent sends a request with these fields and reads the answer.
func sent(t *testing.T, c *connectors.Client, method, base, body string, header http.Header) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header.Clone()
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	_, err = io.ReadAll(resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// keys are the ways to name an idempotency key. net/http asks for the field, not
// for its value.
func keys() []http.Header {
	return []http.Header{
		{},
		{"Idempotency-Key": {"k"}},
		{"Idempotency-Key": {""}},
		{"Idempotency-Key": nil},
		{"Idempotency-Key": {"k"}, "idempotency-key": {"l"}},
		{"X-Idempotency-Key": {"k"}},
		{"X-Idempotency-Key": {""}},
		{"X-Idempotency-Key": nil},
	}
}

// A server that takes a request on a reused connection and hangs up may have
// acted on it. net/http repeats such a request when it carries a key and its body
// can be had again.
func TestARequestWithAKeyIsNotRepeatedBehindOurBack(t *testing.T) {
	t.Parallel()
	for _, header := range keys() {
		for _, body := range []string{"", "body"} {
			var requests atomic.Int32
			base := raw(t, hangsUp(func(c net.Conn) {
				readSome(c)
				requests.Add(1)
				_, _ = io.WriteString(c, head+"Content-Length: 2\r\n\r\nok")
				readSome(c)
				requests.Add(1)
			}))
			c := client(t, connectors.ClientConfig{})
			require.NoError(t, sent(t, c, "POST", base, body, header))
			e := typed(t, sent(t, c, "POST", base, body, header))
			assert.Equal(t, connectors.KindNetwork, e.Kind)
			assert.False(t, e.Unsent)
			assert.EqualValues(t, 2, requests.Load(), "%v %q", header, body)
		}
	}
}

// A request of which nothing was written is repeated by net/http, also one that may
// be sent once only.
func TestAConnectionThatIsGoneCostsNoPOST(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
	}))
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{})
	transport := connectors.TransportOf(c)
	dial := transport.DialContext
	var dialled []*gone
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		g := &gone{Conn: conn}
		dialled = append(dialled, g)
		return g, err
	}
	require.NoError(t, sent(t, c, "POST", srv.URL, "body", nil))
	dialled[0].gone.Store(true)
	require.NoError(t, sent(t, c, "POST", srv.URL, "body", nil))
	assert.EqualValues(t, 2, requests.Load())
	assert.Len(t, dialled, 2)
}

// gone is a connection that takes nothing any more.
type gone struct {
	net.Conn
	gone atomic.Bool
}

func (g *gone) Write(p []byte) (int, error) {
	if g.gone.Load() {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(p)
}

// What a foreign transport wrote is not known, so that it cannot have the body of a
// request that may be sent once only again. net/http's own would repeat it.
func TestAForeignTransportGetsNoSecondBody(t *testing.T) {
	t.Parallel()
	for method, again := range map[string]bool{"POST": false, "PUT": true} {
		s := &script{steps: []roundTripper{func(r *http.Request) (*http.Response, error) {
			_, err := r.GetBody()
			assert.Equal(t, again, err == nil, method)
			return says200(r)
		}}}
		resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, t.Context(), method, nil))
		assert.Equal(t, "200", finish(t, resp, err))
	}
}

// frames writes frames of HTTP/2 (RFC 9113, section 4.1).
type frames struct{ net.Conn }

func (f frames) write(kind, flags byte, stream uint32, values ...uint32) {
	frame := []byte{0, 0, byte(4 * len(values)), kind, flags}
	for _, value := range append([]uint32{stream}, values...) {
		frame = binary.BigEndian.AppendUint32(frame, value)
	}
	_, _ = f.Write(frame)
}

func (f frames) reset(stream, code uint32) { f.write(3, 0, stream, code) }
func (f frames) goAway(last, code uint32)  { f.write(7, 0, 0, last, code); _ = f.Close() }

// serve calls end for each request that was read to its end.
func (f frames) serve(end func(f frames, stream uint32)) {
	_, _ = io.CopyN(io.Discard, f, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	f.write(4, 0, 0) // SETTINGS
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(f, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, f, int64(head[0])<<16|int64(binary.BigEndian.Uint16(head[1:]))); err != nil {
			return
		}
		switch kind, last := head[3], head[4]&1 != 0; {
		case kind == 4 && !last:
			f.write(4, 1, 0)
		case kind <= 1 && last: // DATA, HEADERS
			end(f, binary.BigEndian.Uint32(head[5:]))
		}
	}
}

// http2 is a server of HTTP/2, and a client that trusts it and calls once.
func http2(t *testing.T, end func(f frames, stream uint32)) (string, *connectors.Client) {
	t.Helper()
	trusted := httptest.NewTLSServer(nil)
	t.Cleanup(trusted.Close)
	base := raw(t, func(conn net.Conn) {
		secure := tls.Server(conn, &tls.Config{Certificates: trusted.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13})
		frames{secure}.serve(end)
		_ = conn.Close()
	})
	c := client(t, connectors.ClientConfig{Timeout: 5 * time.Second, Attempts: -1})
	connectors.TransportOf(c).TLSClientConfig = trusted.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	return strings.Replace(base, "http", "https", 1), c
}

// Over HTTP/2, net/http repeats what was written: after a protocol error for which
// the receiver blames the client, and when it says that it processed nothing, which
// only it knows.
func TestWhatMayBeSentOnceIsSentOnceOverHTTP2(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(frames, uint32){
		"protocol error": func(f frames, stream uint32) { f.reset(stream, 1) },
		"internal error": func(f frames, stream uint32) { f.reset(stream, 2) },
		"refused stream": func(f frames, stream uint32) { f.reset(stream, 7) },
		"goes away":      func(f frames, _ uint32) { f.goAway(0, 0) },
		"hangs up":       func(f frames, _ uint32) { _ = f.Close() },
	} {
		for _, body := range []string{"", "body"} {
			t.Run(name+"/"+body, func(t *testing.T) {
				t.Parallel()
				for _, header := range slices.Concat([]http.Header{nil}, keys()[1:3]) {
					var requests atomic.Int32
					base, c := http2(t, func(f frames, stream uint32) {
						requests.Add(1)
						end(f, stream)
					})
					e := typed(t, sent(t, c, "POST", base, body, header))
					assert.Equal(t, connectors.KindNetwork, e.Kind)
					assert.False(t, e.Unsent)
					require.NotErrorIs(t, e, context.Canceled)
					assert.EqualValues(t, 1, requests.Load(), header)
				}
			})
		}
	}
}

// A receiver that goes away for ever is left alone, also where to ask again is
// harmless.
func TestRepetitionsOfHTTP2AreBounded(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	base, c := http2(t, func(f frames, _ uint32) {
		requests.Add(1)
		f.goAway(0, 0)
	})
	e := typed(t, sent(t, c, "PUT", base, "body", nil))
	assert.Equal(t, connectors.KindNetwork, e.Kind)
	assert.Equal(t, "connection broken", e.Message)
	require.NotErrorIs(t, e, context.Canceled)
	assert.EqualValues(t, 3, requests.Load())
}

func TestTooMuchHeaderOverHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 70 { // of far more, net/http only says that the connection broke
			w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 1000))
		}
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{})
	connectors.TransportOf(c).TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	e := typed(t, sent(t, c, "GET", srv.URL, "", nil))
	assert.Equal(t, connectors.KindTooLarge, e.Kind)
	assert.True(t, e.Permanent())
}
