package health_test

import (
	"net/http"
	"net/http/httptest"
)

// prober sends the same probe to one service again and again. One goroutine at
// a time may use it.
type prober interface {
	probe()
	// answer is what the last probe was answered with.
	answer() answer
	close()
}

// way is how a service is probed.
type way struct {
	name string
	open func(service) prober
}

var (
	reusedWay   = way{"reused", newReused}
	recordedWay = way{"recorded", newRecorded}
	servedWay   = way{"served", newServed}
)

// reused is one request and one writer, so that what they cost is little.
type reused struct {
	service

	r *http.Request
	w writer
}

func newReused(s service) prober {
	return &reused{s, must(http.NewRequest(http.MethodGet, s.target, nil)), writer{header: http.Header{}}}
}

func (p *reused) probe() {
	p.w.reset()
	p.ServeHTTP(&p.w, p.r)
}

func (p *reused) answer() answer { return answer{p.w.status, p.w.header.Clone(), string(p.w.body)} }

func (*reused) close() {}

// writer copies what is written, as a connection's buffer does, and takes
// strings, as the one of a server does.
type writer struct {
	header http.Header
	status int
	body   []byte
}

func (w *writer) reset() {
	clear(w.header)
	w.status, w.body = 0, w.body[:0]
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

func (w *writer) WriteString(p string) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

// recorded makes a request and a recorder for each probe, as benchmarks of
// handlers mostly do. Most of the floor is httptest's own cost.
type recorded struct {
	service

	w *httptest.ResponseRecorder
}

func newRecorded(s service) prober { return &recorded{service: s} }

func (p *recorded) probe() {
	p.w = httptest.NewRecorder()
	p.ServeHTTP(p.w, httptest.NewRequest(http.MethodGet, p.target, nil))
}

func (p *recorded) answer() answer { return answer{p.w.Code, p.w.Header(), p.w.Body.String()} }

func (*recorded) close() {}
