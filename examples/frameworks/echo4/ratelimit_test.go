package echo4_test

import (
	"net/http"
	"testing"

	"github.com/bracework/bracework/ratelimit"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	recipe "github.com/bracework/bracework/examples/frameworks/echo4"
	"github.com/bracework/bracework/examples/frameworks/internal/limittest"
)

func order(s *limittest.Service) echo.HandlerFunc {
	return func(c echo.Context) error {
		o, err := s.Order(c.Request().Context(), c.Param("id"))
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, o)
	}
}

func report(s *limittest.Service) echo.HandlerFunc {
	return func(c echo.Context) error {
		for n := 0; s.Report(c.Response(), c.Param("id"), n); n++ {
			c.Response().Flush()
		}
		return nil
	}
}

func TestLimitAll(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{LimitsUnknown: true, New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipe.LimitAll(l, order(s), report(s), logger(s.Log), recovery())
	}})
}

func TestLimitOfARoute(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		e := echo.New()
		e.Use(logger(s.Log), recovery())
		e.GET("/orders/:id", order(s), recipe.RateLimit(l))
		e.GET("/reports/:id", report(s), recipe.RateLimit(l))
		return e
	}})
}

// charges is a limiter of two tokens that notes what it charges for.
func charges(t *testing.T, statuses *[]int) *ratelimit.Limiter {
	t.Helper()
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	key := func(*http.Request) (string, error) { return "all", nil }
	l, err := ratelimit.New(store, key, ratelimit.Fixed(ratelimit.Tier{Rate: 1e-3, Burst: 2}), ratelimit.Config{
		Charge: func(status int, _ *http.Request) int {
			*statuses = append(*statuses, status)
			return 1
		},
	})
	require.NoError(t, err)
	return l
}

func TestLimitAroundIdempotency(t *testing.T) {
	t.Parallel()
	var statuses, outer []int
	runs := 0
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			before, req := c.Response(), c.Request()
			err := next(c)
			assert.Same(t, before, c.Response())
			assert.Same(t, req, c.Request())
			outer = append(outer, c.Response().Status)
			return err
		}
	}, recipe.RateLimit(charges(t, &statuses)))
	e.POST("/x", func(echo.Context) error {
		runs++
		return echo.NewHTTPError(http.StatusPaymentRequired, "declined")
	}, recipe.Middleware(protection(t)))
	for _, want := range []int{402, 402, 429} {
		status, _ := post(t, e, "k")
		assert.Equal(t, want, status)
	}
	assert.Equal(t, 1, runs)
	assert.Equal(t, []int{402, 402}, statuses)
	assert.Equal(t, []int{402, 402, 429}, outer)
}

// Why there is an adapter. Should this fail one day, Echo has learned it.
func TestWrapMiddlewareChargesForSuccess(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit   func(*ratelimit.Limiter) echo.MiddlewareFunc
		charged int
	}{
		"adapter": {recipe.RateLimit, 402},
		"Echo's":  {func(l *ratelimit.Limiter) echo.MiddlewareFunc { return echo.WrapMiddleware(l.Handler) }, 200},
	} {
		var statuses []int
		e := echo.New()
		e.POST("/x", func(echo.Context) error {
			return echo.NewHTTPError(http.StatusPaymentRequired, "declined")
		}, tt.limit(charges(t, &statuses)))
		status, _ := post(t, e, "")
		assert.Equal(t, http.StatusPaymentRequired, status, name)
		assert.Equal(t, []int{tt.charged}, statuses, name)
	}
}
