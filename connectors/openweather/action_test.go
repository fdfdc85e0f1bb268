package openweather_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/openweather"
)

func action(config string) connectors.Action {
	return connectors.Action{Type: "openweather_current", Config: json.RawMessage(config)}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	c, _ := fake(t)
	for config, want := range map[string]string{
		`{"city":"Berlin"}`:                                   "12.3 °C, light rain in Berlin",
		`{"city":"Berlin","units":"imperial"}`:                "54.1 °F, light rain in Berlin",
		`{"city":"Berlin","units":"standard","lang":"de"}`:    "285.5 K, Leichter Regen in Berlin",
		`{"zip":"75001,FR","city":null,"lat":null,"other":1}`: "12.3 °C, light rain in Paris",
		`{"lat":51.5,"lon":-0.1}`:                             "12.3 °C, light rain in London",
		`{"lat":"51.5","lon":" -1e-1 ","city":""}`:            "12.3 °C, light rain in London",
		`{"lat":0,"lon":0}`:                                   "12.3 °C, light rain",
		`{"city":"Tokyo","lat":"","lon":" "}`:                 "12.3 °C, light rain in Tokyo",
	} {
		r, err := c.Execute(t.Context(), action(config))
		require.NoError(t, err, config)
		assert.True(t, r.Success)
		assert.Equal(t, want, r.Message, config)
		assert.Empty(t, r.Code)
	}
	r, err := c.Execute(t.Context(), action(`{"city":"Atlantis"}`))
	assert.Equal(t, connectors.KindNotFound, typed(t, err).Kind)
	assert.False(t, r.Success)
	assert.Equal(t, "404", r.Code)
	assert.Equal(t, "OpenWeather does not know the place", r.Message)
}

// A message shows texts of the receiver as one short line.
func TestMessageOfStrangeWeather(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"main":{"temp":-0.04}}`:                                                              "0.0 °C",
		`{"main":{"temp":-0.06},"weather":[{}],"name":"X"}`:                                    "-0.1 °C in X",
		`{"main":{"temp":1},"weather":[{"description":"a\nb\u202e\u0000c"}]}`:                  "1.0 °C, a b  c",
		`{"main":{"temp":1},"name":"` + token + `-on-Sea"}`:                                    "1.0 °C in ***-on-Sea",
		`{"main":{"temp":1},"name":"` + strings.Repeat("é", 80) + `"}`:                         "1.0 °C in " + strings.Repeat("é", 80),
		`{"main":{"temp":1},"name":"` + strings.Repeat("é", 81) + `"}`:                         "1.0 °C in " + strings.Repeat("é", 80) + "...",
		`{"main":{"temp":1},"name":"` + strings.Repeat("x", 75) + token + `"}`:                 "1.0 °C in " + strings.Repeat("x", 75) + "***",
		`{"main":{"temp":1e300},"weather":[{"description":"hot"},{"description":"not this"}]}`: fmt.Sprintf("%.1f °C, hot", 1e300),
	} {
		c := stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) { return reply(200, body), nil })
		r, err := c.Execute(t.Context(), action(`{"city":"x"}`))
		require.NoError(t, err)
		assert.Equal(t, want, r.Message)
	}
}

func TestConfigurationsThatCannotBeExecuted(t *testing.T) {
	t.Parallel()
	for config, code := range map[string]string{
		`{}`:                            "no_place",
		`null`:                          "no_place",
		`{"city":"","lat":"","lon":""}`: "no_place",
		`{"city":5}`:                    "invalid_config",
		`{"city":["a"]}`:                "invalid_config",
		`{"city":"x","units":1}`:        "invalid_config",
		`{"lat":true,"lon":1}`:          "invalid_config",
		`{"lat":[],"lon":1}`:            "invalid_config",
		`{"lat":{},"lon":1}`:            "invalid_config",
		`{"lat":1e999,"lon":1}`:         "invalid_config",
		`{"lat":1}`:                     "invalid_config",
		`{"lon":"1"}`:                   "invalid_config",
		`[]`:                            "invalid_config",
		`"x"`:                           "invalid_config",
		``:                              "invalid_config",
		`{`:                             "invalid_config",
		`{"lat":91,"lon":1}`:            "invalid_coord",
		`{"lat":"NaN","lon":1}`:         "invalid_coord",
		`{"lat":"Inf","lon":1}`:         "invalid_coord",
		`{"lat":"1e999","lon":1}`:       "invalid_coord",
		`{"lat":"north","lon":1}`:       "invalid_coord",
		`{"city":"x","lat":0,"lon":0}`:  "ambiguous_place",
		`{"city":"x","zip":"1"}`:        "ambiguous_place",
		`{"city":"x","units":"kelvin"}`: "invalid_units",
		`{"city":"x","lang":"!"}`:       "invalid_lang",
		`{"city":"` + strings.Repeat("x", 201) + `"}`: "invalid_place",
	} {
		c := unused(t)
		r, err := c.Execute(t.Context(), action(config))
		assert.Equal(t, code, typed(t, err).Code, config)
		assert.False(t, r.Success)
		assert.Equal(t, code, r.Code)

		plan, err := c.Plan(t.Context(), action(config))
		e := typed(t, err)
		assert.Equal(t, code, e.Code, config)
		assert.Equal(t, "plan", e.Op)
		assert.True(t, e.Permanent())
		assert.Zero(t, plan)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	c := unused(t)
	plan, err := c.Plan(t.Context(), action(`{"city":"São Paulo, BR","lang":"pt_br"}`))
	require.NoError(t, err)
	assert.Equal(t, connectors.Plan{
		Method: "GET", URL: "https://api.openweathermap.org/data/2.5/weather?lang=pt_br&q=S%C3%A3o+Paulo%2CBR&units=metric&appid=***",
		Header:  http.Header{"Accept": {"application/json"}},
		Summary: `would GET the current weather from api.openweathermap.org: "São Paulo,BR", metric`,
	}, plan)
	for config, want := range map[string]string{
		`{"lat":"52.52","lon":13.40001,"units":"imperial"}`: "would GET the current weather from api.openweathermap.org: 52.52, 13.4, imperial",
		`{"zip":"10115,DE","units":"standard"}`:             `would GET the current weather from api.openweathermap.org: "10115,DE", standard`,
		`{"city":"a\u202eb\"c"}`:                            `would GET the current weather from api.openweathermap.org: "a\u202eb\"c", metric`,
	} {
		plan, err := c.Plan(t.Context(), action(config))
		require.NoError(t, err)
		assert.Equal(t, want, plan.Summary)
		assert.True(t, strings.HasSuffix(plan.URL, "&appid=***"))
		assert.NotContains(t, fmt.Sprintf("%+v", plan), token)
	}
}

func TestPlanOfWhatIsNotRendered(t *testing.T) {
	t.Parallel()
	const base = "https://api.openweathermap.org/data/2.5/weather?"
	c := unused(t)
	for config, want := range map[string]struct {
		url, what string
		warnings  int
	}{
		`{"city":"{{user.city}}"}`:                          {"q=%7B%7Buser.city%7D%7D&units=metric", `"{{user.city}}", metric`, 0},
		`{"zip":"{{zip}},DE","lang":"{{lang}}"}`:            {"lang=%7B%7Blang%7D%7D&units=metric&zip=%7B%7Bzip%7D%7D%2CDE", `"{{zip}},DE", metric`, 0},
		`{"lat":"{{lat}}","lon":13,"units":"{{u}}"}`:        {"lat=%7B%7Blat%7D%7D&lon=13&units=%7B%7Bu%7D%7D", `{{lat}}, 13, {{u}}`, 0},
		`{"city":"{{city}}","lat":"{{lat}}","lon":"{{l}}"}`: {"q=%7B%7Bcity%7D%7D&units=metric", `"{{city}}", metric`, 1},
	} {
		a := action(config)
		a.Unrendered = true
		plan, err := c.Plan(t.Context(), a)
		require.NoError(t, err, config)
		assert.Equal(t, base+want.url+"&appid=***", plan.URL)
		assert.Equal(t, "would GET the current weather from api.openweathermap.org: "+want.what, plan.Summary)
		assert.Len(t, plan.Warnings, want.warnings)
	}
	for config, code := range map[string]string{
		`{}`:                           "no_place",
		`{"city":" "}`:                 "no_place",
		`{"city":5}`:                   "invalid_config",
		`{"lat":"{{lat}}"}`:            "invalid_config",
		`{"lat":91,"lon":"{{lon}}"}`:   "invalid_coord",
		`{"lat":"{{lat}}","lon":-181}`: "invalid_coord",
	} {
		a := action(config)
		a.Unrendered = true
		_, err := c.Plan(t.Context(), a)
		assert.Equal(t, code, typed(t, err).Code, config)
	}
}

func TestTest(t *testing.T) {
	t.Parallel()
	c, f := fake(t)
	r := c.Test(t.Context())
	assert.True(t, r.Success)
	assert.Equal(t, "OpenWeather accepts the key", r.Message)
	require.Len(t, f.Requests(), 1)
	assert.Equal(t, "51.48", f.Requests()[0].Query.Get("lat"))

	for status, code := range map[int]string{400: "400", 401: "401", 404: "404", 429: "429", 503: "http_503"} {
		f.Fail(status, "")
		r := c.Test(t.Context())
		assert.False(t, r.Success)
		assert.Equal(t, code, r.Code)
		assert.NotEmpty(t, r.Message)
	}
	f.Fail(200, "<html>")
	assert.Equal(t, "unexpected_answer", c.Test(t.Context()).Code)
	_, err := c.Current(t.Context(), berlin())
	require.NoError(t, err, "what a test met holds nobody back")
}

// A test neither waits for a turn nor takes one, and finds nothing in the cache.
func TestTestIsACallOfItsOwn(t *testing.T) {
	t.Parallel()
	f := connectorstest.NewOpenWeather(t)
	c, err := openweather.New(f.Key(), openweather.Config{
		BaseURL: f.BaseURL(), Limiter: rate.NewLimiter(0, 1), Cache: time.Minute,
	})
	require.NoError(t, err)
	for range 3 {
		assert.True(t, c.Test(t.Context()).Success)
	}
	greenwich := openweather.Query{Coord: &openweather.Coord{Lat: 51.48}}
	_, err = c.Current(t.Context(), greenwich)
	require.NoError(t, err)
	assert.True(t, c.Test(t.Context()).Success)
	assert.Len(t, f.Requests(), 5)
	_, err = c.Current(t.Context(), greenwich)
	require.NoError(t, err, "this one is in the cache")
	_, err = c.Current(t.Context(), berlin())
	assert.Equal(t, "paced", typed(t, err).Code)
	assert.Len(t, f.Requests(), 5)
}

// A dry run of this connector, through the registry.
func TestDryRun(t *testing.T) {
	t.Parallel()
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return unused(t), nil },
	})
	require.NoError(t, err)
	r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "weather", ConfigJSON: `{"city":"Berlin"}`})
	require.NoError(t, err)
	assert.True(t, r.Success)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(b), "appid=***")
	assert.NotContains(t, string(b), token)
}
