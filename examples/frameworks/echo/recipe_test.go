package echo_test

import (
	"net/http"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	recipe "github.com/bracework/bracework/examples/frameworks/echo"
	"github.com/bracework/bracework/examples/frameworks/internal/recipetest"
)

func charge(s *recipetest.Service) echo.HandlerFunc {
	if s.Endpoint != nil {
		return echo.WrapHandler(s.Endpoint)
	}
	return func(c *echo.Context) error {
		var order recipetest.Order
		if err := c.Bind(&order); err != nil {
			return err
		}
		done, err := s.Charge(c.Request().Context(), c.Param("account"), order)
		if err != nil {
			return err
		}
		c.Response().Header().Set("Location", done.Location())
		return c.JSON(http.StatusCreated, done)
	}
}

func logger(log func(status int)) echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogStatus:   true,
		HandleError: true,
		LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
			log(v.Status)
			return nil
		},
	})
}

func recovery() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true})
}

func skip() map[string]string {
	return map[string]string{"an interim status is not the status": "Echo takes it for the status"}
}

func TestPerRoute(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{Skip: skip(), New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.PerRoute(m, charge(s), logger(s.Log), recovery())
	}})
}

func TestMiddlewareOfTheInstance(t *testing.T) {
	t.Parallel()
	recipetest.RunOwn(t, recipetest.Recipe{KeepsUnknown: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		e := echo.New()
		e.Use(logger(s.Log), recovery(), recipe.Middleware(m))
		e.POST("/accounts/:account/charges", charge(s))
		return e
	}})
}

func TestWhole(t *testing.T) {
	t.Parallel()
	recipetest.Run(t, recipetest.Recipe{Skip: skip(), KeepsUnknown: true, LogsRunsOnly: true, KeepsHalf: true, New: func(m *idempotency.Middleware, s *recipetest.Service) http.Handler {
		return recipe.Whole(m, charge(s), logger(s.Log), recovery())
	}})
}
