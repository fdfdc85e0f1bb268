package connectorstest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/openweather"
)

func weatherGet(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := (&http.Client{}).Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestOpenWeatherAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	f := connectorstest.NewOpenWeather(t)
	key := "&appid=" + f.Key().Reveal()
	for _, tt := range []struct {
		path   string
		status int
		cod    string // JSON
	}{
		{"/data/2.5/weather?q=Berlin" + key, 200, `200`},
		{"/data/2.5/weather?q=portland,OR,us" + key, 200, `200`},
		{"/data/2.5/weather?zip=97201" + key, 200, `200`},
		{"/data/2.5/weather?lat=0&lon=0" + key, 200, `200`},
		{"/data/2.5/weather?q=Berlin", 401, `401`},
		{"/data/2.5/weather?q=Berlin&appid=x", 401, `401`},
		{"/data/2.5/weather?q=Atlantis" + key, 404, `"404"`},
		{"/data/2.5/weather?q=Berlin,FR" + key, 404, `"404"`},
		{"/data/2.5/weather?zip=10115" + key, 404, `"404"`},
		{"/data/2.5/weather?x=y" + key, 400, `"400"`},
		{"/data/2.5/weather?lat=91&lon=0" + key, 400, `"400"`},
		{"/data/2.5/weather?lat=NaN&lon=0" + key, 400, `"400"`},
		{"/data/2.5/weather?lat=1" + key, 400, `"400"`},
		{"/geo/1.0/direct?x=y" + key, 400, `"400"`},
		{"/geo/1.0/reverse?lat=1" + key, 400, `"400"`},
		{"/geo/1.0/zip?x=y" + key, 400, `"400"`},
		{"/geo/1.0/zip?zip=1,DE" + key, 404, `"404"`},
		{"/elsewhere?x=y" + key, 404, `"404"`},
	} {
		status, body := weatherGet(t, f.BaseURL()+tt.path)
		assert.Equal(t, tt.status, status, tt.path)
		var answer struct {
			Cod json.RawMessage `json:"cod"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		assert.Equal(t, tt.cod, string(answer.Cod), tt.path)
	}
	assert.Len(t, f.Requests(), 18)

	status, body := weatherGet(t, f.BaseURL()+"/geo/1.0/direct?q=Atlantis"+key)
	assert.Equal(t, 200, status)
	assert.Equal(t, "[]", body)
}

func TestOpenWeatherFails(t *testing.T) {
	t.Parallel()
	f := connectorstest.NewOpenWeather(t)
	c, err := openweather.New(f.Key(), openweather.Config{BaseURL: f.BaseURL()})
	require.NoError(t, err)
	f.Fail(401, "")
	f.Fail(404, "")
	f.Fail(400, `{"cod":"400","message":"wrong latitude"}`)
	f.Fail(418, "", "X-Odd")
	for _, code := range []string{"401", "404", "400", "http_418"} {
		_, err = c.Current(t.Context(), openweather.Query{City: "Berlin"})
		e, ok := errors.AsType[*connectors.Error](err)
		require.True(t, ok)
		assert.Equal(t, code, e.Code)
	}
	_, err = c.Current(t.Context(), openweather.Query{City: "Berlin"})
	require.NoError(t, err)
	f.Fail(429, "", "Retry-After", "60")
	_, err = c.Current(t.Context(), openweather.Query{City: "Berlin"})
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok)
	assert.Equal(t, "429", e.Code)
	assert.Equal(t, "1m0s", e.RetryAfter.String())
}

func TestOpenWeatherAddPlace(t *testing.T) {
	t.Parallel()
	f := connectorstest.NewOpenWeather(t)
	f.AddPlace("Zocca", "IT", 44.34, 10.99)
	c, err := openweather.New(f.Key(), openweather.Config{BaseURL: f.BaseURL()})
	require.NoError(t, err)
	w, err := c.Current(t.Context(), openweather.Query{City: "Zocca,IT"})
	require.NoError(t, err)
	assert.Equal(t, "Zocca", w.Name)
	assert.Equal(t, "IT", w.Sys.Country)
	places, err := c.Geocode(t.Context(), openweather.Query{Coord: &openweather.Coord{Lat: 44.3, Lon: 11}}, 1)
	require.NoError(t, err)
	require.Len(t, places, 1)
	assert.Equal(t, "Zocca", places[0].Name)
}
