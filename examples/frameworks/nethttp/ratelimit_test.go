package nethttp_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bracework/bracework/ratelimit"

	"github.com/bracework/bracework/examples/frameworks/internal/limittest"
	"github.com/bracework/bracework/examples/frameworks/internal/recipetest"
	recipe "github.com/bracework/bracework/examples/frameworks/nethttp"
)

func order(s *limittest.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o, err := s.Order(r.Context(), r.PathValue("id"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(o)
	}
}

func report(s *limittest.Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for n := 0; s.Report(w, r.PathValue("id"), n); n++ {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func TestLimitRoutes(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipetest.Outer(s.Log)(recipe.LimitRoutes(l, order(s), report(s)))
	}})
}

func TestLimitAll(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{LimitsUnknown: true, OneRoute: true, New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipetest.Outer(s.Log)(recipe.LimitAll(l, order(s), report(s)))
	}})
}
