package nethttp_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bracework/bracework/idempotency"

	"github.com/bracework/bracework/examples/frameworks/internal/recipetest"
	recipe "github.com/bracework/bracework/examples/frameworks/nethttp"
)

func charge(s *recipetest.Service) http.HandlerFunc {
	if s.Endpoint != nil {
		return s.Endpoint.ServeHTTP
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var order recipetest.Order
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		done, err := s.Charge(r.Context(), r.PathValue("account"), order)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", done.Location())
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(done)
	}
}

func TestPerRoute(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipetest.Outer(s.Log)(recipe.PerRoute(m, charge(s)))
	}})
}

func TestWhole(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{KeepsUnknown: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipetest.Outer(s.Log)(recipe.Whole(m, charge(s)))
	}})
}
