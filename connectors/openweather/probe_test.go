package openweather_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/openweather"
)

func TestTestPassesWrappersBy(t *testing.T) {
	t.Parallel()
	f := connectorstest.NewOpenWeather(t)
	seen := 0
	hc, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			seen++
			return next.RoundTrip(r)
		})
	}})
	require.NoError(t, err)
	c, err := openweather.New(f.Key(), openweather.Config{BaseURL: f.BaseURL(), Client: hc})
	require.NoError(t, err)
	f.Fail(503, "")
	assert.Equal(t, "http_503", c.Test(t.Context()).Code)
	assert.Zero(t, seen)
	assert.Len(t, f.Requests(), 1)
	_, err = c.Current(t.Context(), berlin())
	require.NoError(t, err)
	assert.Equal(t, 1, seen)
}
