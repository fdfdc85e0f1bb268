package gin_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/bracework/bracework/ratelimit"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	recipe "github.com/bracework/bracework/examples/frameworks/gin"
	"github.com/bracework/bracework/examples/frameworks/internal/limittest"
)

func order(s *limittest.Service) gin.HandlerFunc {
	return func(c *gin.Context) {
		o, err := s.Order(c.Request.Context(), c.Param("id"))
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.JSON(http.StatusOK, o)
	}
}

func report(s *limittest.Service) gin.HandlerFunc {
	return func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			n++
			return s.Report(w, c.Param("id"), n-1)
		})
	}
}

func TestLimitAll(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{LimitsUnknown: true, New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipe.LimitAll(l, order(s), report(s), logger(s.Log), recovery())
	}})
}

func TestLimitWithRecoveryOfGin(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{LimitsUnknown: true, New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		return recipe.LimitAll(l, order(s), report(s), logger(s.Log), gin.RecoveryWithWriter(io.Discard))
	}})
}

func TestLimitOfARoute(t *testing.T) {
	t.Parallel()
	limittest.Run(t, limittest.Recipe{New: func(l *ratelimit.Limiter, s *limittest.Service) http.Handler {
		r := gin.New()
		r.Use(logger(s.Log), recovery())
		r.GET("/orders/:id", recipe.RateLimit(l), order(s))
		r.GET("/reports/:id", recipe.RateLimit(l), report(s))
		return r
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
	var statuses []int
	runs := 0
	r := gin.New()
	r.Use(func(c *gin.Context) {
		w, req := c.Writer, c.Request
		c.Next()
		assert.Same(t, w, c.Writer)
		assert.Same(t, req, c.Request)
		assert.True(t, c.Writer.Written())
		assert.Equal(t, runs != 1 || len(statuses) != 1, c.IsAborted(), "by a replay and by a refusal")
		assert.Equal(t, "/accounts/:account/charges", c.Request.Pattern)
	}, recipe.RateLimit(charges(t, &statuses)))
	r.POST("/accounts/:account/charges", recipe.Middleware(protection(t)), func(c *gin.Context) {
		runs++
		c.String(http.StatusCreated, "charged")
	})
	for i, want := range []int{201, 201, 429} {
		resp := post(t, r, "k")
		assert.Equal(t, want, resp.StatusCode)
		assert.Equal(t, i == 1, resp.Header.Get("X-Idempotency-Replay") == "true")
	}
	assert.Equal(t, 1, runs)
	assert.Equal(t, []int{201, 201}, statuses)
}

// A renderer inside gives Charge the status; outside it is too late for that,
// and the answer is the same.
func TestChargeForNotedErrors(t *testing.T) {
	t.Parallel()
	fail := func(c *gin.Context) { _ = c.Error(io.ErrUnexpectedEOF) }
	for _, inside := range []bool{true, false} {
		var statuses []int
		limit := recipe.RateLimit(charges(t, &statuses))
		r, charged := gin.New(), 502
		if inside {
			r.POST(path, limit, render, fail)
		} else {
			r.POST(path, render, limit, fail)
			charged = 200
		}
		assert.Equal(t, http.StatusBadGateway, post(t, r, "").StatusCode)
		assert.Equal(t, []int{charged}, statuses)
	}
}
