package chi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bracework/bracework/ratelimit"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	recipe "github.com/bracework/bracework/examples/frameworks/chi"
	"github.com/bracework/bracework/examples/frameworks/internal/limittest"
)

func order(s *limittest.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := s.Order(r.Context(), chi.URLParam(r, "id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(o)
	}
}

func report(s *limittest.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for n := 0; s.Report(w, chi.URLParam(r, "id"), n); n++ {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func TestLimitRoutes(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipe.LimitRoutes(l, order(s), report(s), logger(s.Log), middleware.Recoverer)
	}})
}

func TestLimitAll(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{LimitsUnknown: true, OneRoute: true, New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipe.LimitAll(l, order(s), report(s), logger(s.Log), middleware.Recoverer)
	}})
}
