package breaker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// The tests here are over real connections, on loopback.

// server answers each connection with script.
func server(t *testing.T, script func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					script(conn)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// hang waits until the other side has left.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

const timeout = 200 * time.Millisecond

// Whatever breaks, five calls in a row that end badly open the circuit, and the sixth is not made.
func TestFaultsOverConnections(t *testing.T) {
	t.Parallel()
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	for _, tt := range []struct {
		name   string
		script func(net.Conn)
		want   breaker.Outcome
	}{
		{"closes without a word", func(net.Conn) {}, breaker.Failure},
		{"resets", reset, breaker.Failure},
		{"is silent", hang, breaker.Failure},
		{"half a header", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nConte"); hang(c) }, breaker.Failure},
		{"no HTTP", func(c net.Conn) { fmt.Fprint(c, "hello\r\n\r\n") }, breaker.Failure},
		{"header, then hangs", func(c net.Conn) { fmt.Fprint(c, good); hang(c) }, breaker.Failure},
		{"header, then closes", func(c net.Conn) { fmt.Fprint(c, good) }, breaker.Failure},
		{"resets in the body", func(c net.Conn) { fmt.Fprint(c, good, "some"); time.Sleep(10 * time.Millisecond); reset(c) }, breaker.Failure},
		{"a byte at a time", func(c net.Conn) {
			fmt.Fprint(c, good)
			for range 50 {
				fmt.Fprint(c, "x")
				time.Sleep(20 * time.Millisecond)
			}
		}, breaker.Failure},
		{"half a chunk", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf")
		}, breaker.Failure},
		{"broken gzip", func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n12345678901234567890")
		}, breaker.Failure},
		{"works", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok") }, breaker.Success},
		{"works until it closes", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\nok") }, breaker.Success},
		{"no body", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") }, breaker.Success},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := server(t, tt.script)
			seen, observe := recordEvents()
			g := newGroup(t, 0, breaker.Config{FailureRate: -1, Observer: observe})
			base := &http.Transport{}
			t.Cleanup(base.CloseIdleConnections)
			client := &http.Client{Transport: breaker.Transport(base, g, breaker.TransportConfig{}), Timeout: timeout}
			if tt.want == breaker.Success {
				client.Timeout = 10 * time.Second // a busy machine is no fault
			}
			for i := range 5 {
				resp, err := client.Get(target)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				assert.Equal(t, tt.want == breaker.Success, err == nil, "call %d: %v", i, err)
				require.NotErrorIs(t, err, breaker.ErrOpen)
			}
			require.Len(t, *seen, 5)
			for _, e := range *seen {
				assert.Equal(t, tt.want, e.Outcome)
			}
			_, err := client.Get(target)
			assert.Equal(t, tt.want == breaker.Failure, err != nil, "%v", err)
			if tt.want == breaker.Failure {
				assert.ErrorIs(t, err, breaker.ErrOpen)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		target := "http://" + l.Addr().String()
		require.NoError(t, l.Close())
		client := &http.Client{Transport: breaker.Transport(&http.Transport{}, nil, breaker.TransportConfig{}), Timeout: timeout}
		for range 5 {
			_, err = client.Get(target)
			require.NotErrorIs(t, err, breaker.ErrOpen)
		}
		_, err = client.Get(target)
		assert.ErrorIs(t, err, breaker.ErrOpen)
	})
}

// A caller that leaves says nothing, before the header and after it.
func TestCallersThatLeave(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(net.Conn){
		"before the header": hang,
		"in the body":       func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"); hang(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := server(t, script)
			g := newGroup(t, 0, breaker.Config{Consecutive: 1})
			client := &http.Client{Transport: breaker.Transport(&http.Transport{}, g, breaker.TransportConfig{})}
			for range 3 {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(20*time.Millisecond, func() { cancel(fmt.Errorf("sibling failed")) }) //nolint:perfsprint // an error of its own
				resp, err := client.Do(request(ctx, target))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				require.Error(t, err)
			}
			s := g.Get(target).Snapshot()
			assert.Equal(t, breaker.Closed, s.State)
			assert.EqualValues(t, 3, s.Neutrals)
			assert.Zero(t, s.Running)
		})
	}
}

// Trailers, HEAD and large uploads pass as if there was no breaker.
func TestNothingIsLostOnTheWay(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Etag")
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
		w.Header().Set("Etag", "x")
	}))
	t.Cleanup(srv.Close)
	g := newGroup(t, 0, breaker.Config{})
	client := &http.Client{Transport: breaker.Transport(srv.Client().Transport, g, breaker.TransportConfig{})}
	resp, err := client.Post(srv.URL, "text/plain", io.LimitReader(zeros{}, 8<<20))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(8<<20), string(body))
	assert.Equal(t, "x", resp.Trailer.Get("Etag"))
	_ = resp.Body.Close()
	resp, err = client.Head(srv.URL)
	require.NoError(t, err)
	assert.Equal(t, http.NoBody, resp.Body)
	assert.EqualValues(t, 2, g.Get(srv.URL).Snapshot().Successes)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A WebSocket goes through a reverse proxy with a breaker on its way out, and one on its way in.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	}))
	t.Cleanup(echo.Close)
	target, err := url.Parse(echo.URL)
	require.NoError(t, err)
	out := newGroup(t, 0, breaker.Config{Consecutive: 1, OpenFor: time.Millisecond})
	in := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: time.Millisecond})
	for _, b := range []*breaker.Breaker{in, out.Get(echo.URL)} { // the upgrade is a probe of both
		time.Sleep(trip(t, b))
	}
	front := httptest.NewServer(in.Handler(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: breaker.Transport(&http.Transport{}, out, breaker.TransportConfig{}),
	}))
	t.Cleanup(front.Close)

	conn, err := net.Dial("tcp", strings.TrimPrefix(front.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	for range 3 {
		fmt.Fprint(conn, "ping\n")
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "ping\n", line)
	}
	assert.Equal(t, breaker.Closed, out.Get(echo.URL).State(), "while it runs")
	assert.Equal(t, breaker.Closed, in.State())
}

// Events reach the client as they come, through both.
func TestEventStream(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	b := newBreaker(t, breaker.Config{})
	srv := httptest.NewServer(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
		panic(http.ErrAbortHandler) // the connection breaks
	})))
	t.Cleanup(srv.Close)
	g := newGroup(t, 0, breaker.Config{Consecutive: 1})
	client := &http.Client{Transport: breaker.Transport(srv.Client().Transport, g, breaker.TransportConfig{})}
	resp, err := client.Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("data: %d\n", i), line)
		next <- struct{}{}
	}
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, breaker.Closed, g.Get(srv.URL).State(), "streams end by breaking off")
	assert.EqualValues(t, 1, g.Get(srv.URL).Snapshot().Successes)
}
