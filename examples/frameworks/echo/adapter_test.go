package echo_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	recipe "github.com/bracework/bracework/examples/frameworks/echo"
)

func protection(t *testing.T) *idempotency.Middleware {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	require.NoError(t, err)
	return m
}

func post(t *testing.T, h http.Handler, key string) (status int, body string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/x", strings.NewReader("{}"))
	require.NoError(t, err)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := srv.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

// Why there is an adapter. Should this fail one day, Echo has learned it.
func TestWrapMiddlewareKeepsAnEmptyAnswerForAnError(t *testing.T) {
	t.Parallel()
	runs := 0
	fail := func(*echo.Context) error {
		runs++
		return errors.New("declined")
	}
	e := echo.New()
	e.POST("/x", fail, echo.WrapMiddleware(protection(t).Handler))
	for range 2 {
		status, body := post(t, e, "k")
		assert.Equal(t, http.StatusOK, status)
		assert.Empty(t, body)
	}
	assert.Equal(t, 1, runs)
}

func TestOuterMiddlewaresSeeTheError(t *testing.T) {
	t.Parallel()
	declined := echo.NewHTTPError(http.StatusPaymentRequired, "declined")
	var seen []error
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			before, req := c.Response(), c.Request()
			err := next(c)
			assert.Same(t, before, c.Response())
			assert.Same(t, req, c.Request())
			res, _ := echo.UnwrapResponse(c.Response())
			assert.True(t, res.Committed)
			assert.Equal(t, http.StatusPaymentRequired, res.Status)
			assert.Positive(t, res.Size)
			seen = append(seen, err)
			return err
		}
	})
	e.POST("/x", func(*echo.Context) error { return declined }, recipe.Middleware(protection(t)))
	for range 2 {
		status, body := post(t, e, "k")
		assert.Equal(t, http.StatusPaymentRequired, status)
		assert.JSONEq(t, `{"message":"declined"}`, body)
	}
	require.Len(t, seen, 2)
	require.ErrorIs(t, seen[0], declined)
	assert.NoError(t, seen[1], "a replay is no error")
}

// A middleware that answers errors itself does so outside only for requests
// without a key; inside it does for all.
func TestMiddlewaresThatAnswerErrors(t *testing.T) {
	t.Parallel()
	answer := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := next(c); err == nil {
				return nil
			}
			return c.String(http.StatusBadGateway, "mine")
		}
	}
	protect := recipe.Middleware(protection(t))
	fail := func(*echo.Context) error { return errors.New("declined") }
	inside, outside := echo.New(), echo.New()
	inside.POST("/x", fail, protect, answer)
	outside.POST("/x", fail, answer, protect)
	for key, e := range map[string]*echo.Echo{"": outside, "k": inside} {
		status, body := post(t, e, key)
		assert.Equal(t, http.StatusBadGateway, status)
		assert.Equal(t, "mine", body)
	}
}
