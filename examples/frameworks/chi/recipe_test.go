package chi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	recipe "github.com/bracework/bracework/examples/frameworks/chi"
	"github.com/bracework/bracework/examples/frameworks/internal/recipetest"
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
		done, err := s.Charge(r.Context(), chi.URLParam(r, "account"), order)
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

// logger reports what chi's wrapper, which chi's own Logger uses, saw.
func logger(log func(status int)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			defer func() { log(ww.Status()) }()
			next.ServeHTTP(ww, r)
		})
	}
}

// Compression outside gives each client the replay in the coding that it takes.
func TestPerRoute(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.PerRoute(m, charge(s), logger(s.Log), middleware.Recoverer, middleware.Compress(5))
	}})
}

func TestWhole(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{KeepsUnknown: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.Whole(m, charge(s), logger(s.Log), middleware.Recoverer)
	}})
}
