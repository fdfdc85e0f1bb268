package idempotency_test

import (
	"io"
	"net/http"
)

// service is what the exchanges on net/http have in common: the handler, and
// the middleware around it.
type service struct {
	wrap    middleware
	handler http.Handler
	stop    func()
	count   int
}

func newService(wrap middleware) *service {
	s := &service{wrap: wrap, stop: func() {}}
	s.renew()
	return s
}

func (s *service) handle(w http.ResponseWriter, r *http.Request) {
	s.count++
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set(ownHeader, ownValue)
	w.WriteHeader(status)
	_, _ = w.Write(result)
}

// ServeHTTP goes through the middleware.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *service) renew() {
	s.stop()
	s.handler, s.stop = s.wrap(http.HandlerFunc(s.handle))
}

func (s *service) runs() int { return s.count }

func (s *service) close() { s.stop() }
