package connectors_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// received is a request as it arrived.
type received struct {
	method, path string
	header       http.Header
	body         []byte
}

// upstream answers every request with 200 and the same body.
type upstream struct {
	answer []byte
	keep   bool // what was received

	mu          sync.Mutex
	requests    []received
	connections int
}

// serve starts a server on loopback.
func (u *upstream) serve() *httptest.Server {
	server := httptest.NewUnstartedServer(u)
	if u.keep {
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				u.mu.Lock()
				u.connections++
				u.mu.Unlock()
			}
		}
	}
	server.Start()
	return server
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.receive(r)
	_, _ = w.Write(u.answer)
}

// RoundTrip makes it a stub: no connection is made.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	u.receive(r)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		ContentLength: int64(len(u.answer)), Body: io.NopCloser(bytes.NewReader(u.answer)),
	}, nil
}

func (u *upstream) receive(r *http.Request) {
	if !u.keep {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		return
	}
	got := received{method: r.Method, path: r.URL.Path, header: r.Header.Clone()}
	if r.Body != nil {
		got.body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = append(u.requests, got)
}

// seen returns what was received, and over how many connections.
func (u *upstream) seen() (requests []received, connections int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests), u.connections
}
