// Package limittest checks that a recipe puts the rate limiter into its
// framework without a loss.
package limittest

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/bracework/bracework/ratelimit"
)

// Order is the body of a response: what the handler knows of the limit.
type Order struct {
	ID     string `json:"id"`
	Policy string `json:"policy"`
	Tokens int    `json:"tokens"`
}

// Service is what the handlers call. It counts its runs.
type Service struct {
	next chan struct{} // lets a report go on

	mu     sync.Mutex
	runs   int
	logged []int
}

// Log takes a status that the framework's logger saw.
func (s *Service) Log(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logged = append(s.logged, status)
}

func (s *Service) ran() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
}

func (s *Service) seen() (runs int, logged []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs, slices.Clone(s.logged)
}

var errBroken = errors.New("broken")

// Order is the work behind GET /orders/{id}: "fail" is an error, which becomes a
// 500 in the framework's way, and "panic" is one.
func (s *Service) Order(ctx context.Context, id string) (Order, error) {
	s.ran()
	switch id {
	case "fail":
		return Order{}, errBroken
	case "panic":
		panic("order")
	}
	d, _ := ratelimit.FromContext(ctx)
	return Order{ID: id, Policy: d.Policy, Tokens: d.Tokens}, nil
}

// Report writes part n, from 0, of GET /reports/{id}, and returns whether there
// is one more; the framework flushes each. "cut" panics after the first.
func (s *Service) Report(w io.Writer, id string, n int) bool {
	if n == 0 {
		s.ran()
		_, _ = io.WriteString(w, "first ")
		return true
	}
	if id == "cut" {
		panic("report")
	}
	<-s.next
	_, _ = io.WriteString(w, "second")
	return false
}
