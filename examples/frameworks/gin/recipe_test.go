package gin_test

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/gin-gonic/gin"

	recipe "github.com/bracework/bracework/examples/frameworks/gin"
	"github.com/bracework/bracework/examples/frameworks/internal/recipetest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func charge(s *recipetest.Service) gin.HandlerFunc {
	if s.Endpoint != nil {
		return gin.WrapH(s.Endpoint)
	}
	return func(c *gin.Context) {
		var order recipetest.Order
		if err := c.ShouldBindJSON(&order); err != nil {
			_ = c.AbortWithError(http.StatusBadRequest, err)
			return
		}
		done, err := s.Charge(c.Request.Context(), c.Param("account"), order)
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.Header("Location", done.Location())
		c.JSON(http.StatusCreated, done)
	}
}

func logger(log func(status int)) gin.HandlerFunc {
	return gin.LoggerWithConfig(gin.LoggerConfig{Output: io.Discard, Formatter: func(p gin.LogFormatterParams) string {
		log(p.StatusCode)
		return ""
	}})
}

func recovery() gin.HandlerFunc { return recipe.Recovery(slog.New(slog.DiscardHandler)) }

func TestPerRoute(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.PerRoute(m, charge(s), logger(s.Log), recovery())
	}})
}

func TestMiddlewareOfTheEngine(t *testing.T) {
	t.Parallel()
	recipetest.RunOwn(t, recipetest.Recipe{KeepsUnknown: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		r := gin.New()
		r.Use(logger(s.Log), recovery(), recipe.Middleware(m))
		r.POST("/accounts/:account/charges", charge(s))
		return r
	}})
}

func TestWhole(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{KeepsUnknown: true, LogsRunsOnly: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.Whole(m, charge(s), logger(s.Log), recovery())
	}})
}
