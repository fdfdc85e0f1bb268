// Package connectorstest has stand-ins for the providers of package connectors,
// for tests of code that calls them: [Slack] (incoming webhook and Web API),
// [Discord] (webhook) and [OpenWeather] (weather and geocoding). Each listens on
// loopback until the test ends, answers as its provider documents, refuses what
// that would refuse, and keeps what it was sent.
//
// A stand-in answers success until it is told otherwise: Fail sets the next
// answer, several calls of it the next ones. It does not limit the rate and shows
// nothing anywhere. Its methods may be called concurrently.
//
// Package httprequest has no provider to stand in for: any [httptest.Server] will do,
// with a guard that permits loopback, or with Config.Unguarded.
package connectorstest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Request is a request that a stand-in received.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
}

// maxBody is how much of a request is kept, in bytes.
const maxBody = 1 << 20

// server is what the stand-ins share.
type server struct {
	base   string
	answer func(Request) response // called under mu

	mu       sync.Mutex // also of what a stand-in keeps besides
	requests []Request
	script   []response
}

type response struct {
	status int
	header http.Header
	body   string
}

const mediaJSON = "application/json"

func jsonResponse(status int, body string) response {
	return response{status: status, header: http.Header{"Content-Type": {mediaJSON}}, body: body}
}

// newServer returns a server that answers as answer says, unless there is a
// script. It ends with the test.
func newServer(tb testing.TB, answer func(Request) response) *server {
	tb.Helper()
	s := &server{answer: answer}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(srv.Close)
	s.base = srv.URL
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the client has gone
	}
	a := s.record(Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: body})
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// record keeps a request and returns its answer.
func (s *server) record(r Request) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if len(s.script) > 0 {
		next := s.script[0]
		s.script = s.script[1:]
		return next
	}
	return s.answer(r)
}

// Requests returns what was received so far, the first one first.
func (s *server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := slices.Clone(s.requests)
	for i, r := range requests {
		requests[i].Header, requests[i].Body = r.Header.Clone(), bytes.Clone(r.Body)
	}
	return requests
}

// Fail sets the answer to the next request that has none yet, whatever it is. The
// header is a list of names and values, such as "Retry-After", "30". A connector
// may repeat a call that failed, and then gets what comes next.
func (s *server) Fail(status int, body string, header ...string) {
	next := response{status: status, header: http.Header{}, body: body}
	for pair := range slices.Chunk(header, 2) {
		next.header.Add(pair[0], pair[len(pair)-1])
	}
	if next.header.Get("Content-Type") == "" && json.Valid([]byte(body)) {
		next.header.Set("Content-Type", mediaJSON) // of other bodies net/http finds it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, next)
}
