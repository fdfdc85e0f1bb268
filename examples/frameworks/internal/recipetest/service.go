// Package recipetest checks that a recipe puts the idempotency middleware into
// its framework without a loss.
package recipetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/bracework/bracework/idempotency"
)

// Order is the body of a request.
type Order struct {
	Amount int `json:"amount"`
	// Do is what goes on in the handler: "" charges, "wait" does so after
	// [Service.Open], "fail" is an error, "panic" is one, "nothing" is a 204,
	// and "stream" sends a part before [Service.Open] and a part after.
	Do string `json:"do,omitempty"`
}

// Charge is the body of a response.
type Charge struct {
	ID      int64  `json:"id"`
	Account string `json:"account"`
	Amount  int    `json:"amount"`
	Key     string `json:"key"`
	Attempt int    `json:"attempt"`
}

// Service is what the handlers call. It counts its runs.
type Service struct {
	runs    atomic.Int64
	entered chan struct{}
	gate    chan struct{}
	open    sync.Once

	mu     sync.Mutex
	logged []int
}

func newService() *Service {
	return &Service{entered: make(chan struct{}, 100), gate: make(chan struct{})}
}

// Open lets handlers go on that wait.
func (s *Service) Open() { s.open.Do(func() { close(s.gate) }) }

// Log takes a status that the framework's logger saw.
func (s *Service) Log(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logged = append(s.logged, status)
}

func (s *Service) log() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.logged...)
}

var errDeclined = errors.New("declined")

// Charge is the effect that must not be doubled.
func (s *Service) Charge(ctx context.Context, account string, o Order) (Charge, error) {
	id := s.enter()
	switch o.Do {
	case "fail":
		return Charge{}, errDeclined
	case "panic":
		panic("charge")
	case "wait":
		<-s.gate
	}
	info, _ := idempotency.FromContext(ctx)
	return Charge{ID: id, Account: account, Amount: o.Amount, Key: info.Key, Attempt: info.Attempt}, nil
}

// Nothing counts a run that has nothing to say.
func (s *Service) Nothing() { s.enter() }

// Stream answers 202 in two parts.
func (s *Service) Stream(w http.ResponseWriter) {
	s.enter()
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "first\n")
	w.(http.Flusher).Flush()
	<-s.gate
	_, _ = io.WriteString(w, "second\n")
}

func (s *Service) enter() int64 {
	s.entered <- struct{}{}
	return s.runs.Add(1)
}

// Location is a header for c.
func (c Charge) Location() string { return fmt.Sprintf("/accounts/%s/charges/%d", c.Account, c.ID) }
