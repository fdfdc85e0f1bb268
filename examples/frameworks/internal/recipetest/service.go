// Package recipetest checks that a recipe puts the idempotency middleware into
// its framework without a loss.
package recipetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/bracework/bracework/idempotency"
)

// Order is the body of a request.
type Order struct {
	Amount int `json:"amount"`
	// Do is what goes on in the handler: "" charges, "fail" is an error, "panic"
	// is one.
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
	// Endpoint, when set, is what the route leads to, in place of Charge.
	Endpoint http.Handler

	runs atomic.Int64

	mu     sync.Mutex
	logged []int
}

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
	id := s.runs.Add(1)
	switch o.Do {
	case "fail":
		return Charge{}, errDeclined
	case "panic":
		panic("charge")
	}
	info, _ := idempotency.FromContext(ctx)
	return Charge{ID: id, Account: account, Amount: o.Amount, Key: info.Key, Attempt: info.Attempt}, nil
}

// Location is a header for c.
func (c Charge) Location() string { return fmt.Sprintf("/accounts/%s/charges/%d", c.Account, c.ID) }
