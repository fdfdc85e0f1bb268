package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
)

// exchange sends requests through a middleware to a handler.
type exchange interface {
	// send sends a request with key and returns the status.
	send(key string) int
	// header is that of the last response.
	header() http.Header
	// runs counts the runs of the handler.
	runs() int
	close()
}

// exchanges are the ways to send one.
var exchanges = []struct {
	name string
	open func(handler, setup) exchange
}{
	{"recorded", newRecorded},
	{"reused", newReused},
}

// service is a handler behind a middleware.
type service struct {
	http.Handler

	count int
	stop  func()
}

var okBody = []byte("ok")

func newService(h handler, s setup) *service {
	x := &service{}
	wrap, stop := h.open(s, tenantHeader)
	x.stop = stop
	x.Handler = wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		x.count++
		_, _ = w.Write(okBody)
	}))
	return x
}

func (x *service) runs() int { return x.count }

func (x *service) close() { x.stop() }

// recorded makes a request and a recorder each time, as benchmarks of
// middlewares mostly do. Most of the time is httptest's.
type recorded struct {
	*service

	w *httptest.ResponseRecorder
}

func newRecorded(h handler, s setup) exchange { return &recorded{service: newService(h, s)} }

func (x *recorded) send(key string) int {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set(tenantHeader, key)
	x.w = httptest.NewRecorder()
	x.ServeHTTP(x.w, r)
	return x.w.Code
}

func (x *recorded) header() http.Header { return x.w.Header() }

// reused sends one request to one writer again and again, so that what it costs
// itself is little.
type reused struct {
	*service

	r   *http.Request
	key []string
	w   writer
}

func newReused(h handler, s setup) exchange {
	x := &reused{
		service: newService(h, s),
		r:       httptest.NewRequest(http.MethodGet, "/orders", nil),
		key:     make([]string, 1),
		w:       writer{header: http.Header{}},
	}
	x.r.Header[tenantHeader] = x.key
	return x
}

func (x *reused) send(key string) int {
	x.key[0] = key
	clear(x.w.header)
	x.w.status = 0
	x.ServeHTTP(&x.w, x.r)
	return x.w.status
}

func (x *reused) header() http.Header { return x.w.header }

// writer keeps the header and the status of a response.
type writer struct {
	header http.Header
	status int
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}
