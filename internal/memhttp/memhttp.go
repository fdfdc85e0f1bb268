// Package memhttp runs a real [http.Server] and [http.Client] over [net.Pipe],
// for tests inside a testing/synctest bubble, where a loopback socket would
// hang: blocking on a pipe is durable, blocking on the network is not.
//
// One trap remains: net/http notices a closed connection only while it reads
// from it. A handler that never reads a request body does not learn that the
// client left, so let it read the body, or let the test outlast it.
package memhttp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
)

// URL is the base address of every [Server].
const URL = "http://mem.test"

// Server is an HTTP server without a socket.
type Server struct {
	http     *http.Server
	client   *http.Client
	listener *listener
	done     chan struct{}

	handling sync.Mutex // guards active
	active   int        // handlers that run
	idle     *sync.Cond
}

// New serves h until the test ends. Server and connections are closed by
// t.Cleanup; handlers that still run then are waited for.
func New(tb testing.TB, h http.Handler) *Server {
	tb.Helper()
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &Server{listener: l, done: make(chan struct{})}
	s.idle = sync.NewCond(&s.handling)
	s.client = &http.Client{Transport: &http.Transport{DialContext: l.dial}}
	s.http = &http.Server{ //nolint:gosec // no header timeout: a bubble's clock jumps to the next timer
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handle(h, w, r) }),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("memhttp: serve: %v", err)
		}
	}()
	tb.Cleanup(s.close)
	return s
}

// Client returns a client whose every connection leads to the server,
// whatever the host of the URL.
func (s *Server) Client() *http.Client { return s.client }

func (s *Server) close() {
	s.client.CloseIdleConnections()
	_ = s.http.Close()
	<-s.done
	s.client.CloseIdleConnections()
	s.handling.Lock()
	defer s.handling.Unlock()
	for s.active > 0 {
		s.idle.Wait()
	}
}

func (s *Server) handle(h http.Handler, w http.ResponseWriter, r *http.Request) {
	count := func(n int) {
		s.handling.Lock()
		defer s.handling.Unlock()
		if s.active += n; s.active == 0 {
			s.idle.Broadcast()
		}
	}
	count(1)
	defer count(-1)
	h.ServeHTTP(w, r)
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "pipe" }
func (addr) String() string  { return "mem.test:80" }
