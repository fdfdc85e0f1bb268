package openweather_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "https://api.openweathermap.org", "https://api.openweathermap.org/", "https://proxy:8443/weather", "http://127.0.0.1:1"} {
		c, err := openweather.New(connectors.NewSecret(token), openweather.Config{BaseURL: base})
		require.NoError(t, err, base)
		assert.Equal(t, "openweather", c.Name())
	}
	for _, base := range []string{"http://api.openweathermap.org", "api.openweathermap.org", "https://h/?appid=" + token, "https://h?", "https://" + token + "@h", "https://h/#x", "https://h/%zz" + token} {
		c, err := openweather.New(connectors.NewSecret(token), openweather.Config{BaseURL: base})
		require.ErrorContains(t, err, "openweather: the base URL ", base)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, c)
	}
	for _, key := range []string{"", " " + token, token + "\n", `"` + token + `"`, token + "&x=y", token + "%20", token + "é", "<" + token + ">"} {
		c, err := openweather.New(connectors.NewSecret(key), openweather.Config{})
		require.ErrorContains(t, err, "openweather: the key ", key)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, c)
	}
}

// What is sent for a query.
func TestRequests(t *testing.T) {
	t.Parallel()
	at := func(lat, lon float64) *openweather.Coord { return &openweather.Coord{Lat: lat, Lon: lon} }
	long := strings.Repeat("é", 200)
	tests := []struct {
		name  string
		q     openweather.Query
		param map[string]string
	}{
		{"city", openweather.Query{City: "Berlin"}, map[string]string{"q": "Berlin", "units": "metric"}},
		{"white space", openweather.Query{City: " New\t York ,  US \n"}, map[string]string{"q": "New York,US", "units": "metric"}},
		{"what a URL would split", openweather.Query{City: "a&appid=x#?/%41+b"}, map[string]string{"q": "a&appid=x#?/%41+b", "units": "metric"}},
		{"not ASCII", openweather.Query{City: "São Paulo,BR", Lang: "pt_BR"}, map[string]string{"q": "São Paulo,BR", "units": "metric", "lang": "pt_br"}},
		{"200 characters", openweather.Query{City: long}, map[string]string{"q": long, "units": "metric"}},
		{"zip", openweather.Query{Zip: "10115, DE"}, map[string]string{"zip": "10115,DE", "units": "metric"}},
		{"coordinates", openweather.Query{Coord: at(52.517, 13.3889)}, map[string]string{"lat": "52.517", "lon": "13.3889", "units": "metric"}},
		{"the edges", openweather.Query{Coord: at(-90, 180)}, map[string]string{"lat": "-90", "lon": "180", "units": "metric"}},
		{"four decimals", openweather.Query{Coord: at(1.00004999, -0.00001)}, map[string]string{"lat": "1", "lon": "0", "units": "metric"}},
		{"small numbers", openweather.Query{Coord: at(1e-300, -1e-4)}, map[string]string{"lat": "0", "lon": "-0.0001", "units": "metric"}},
		{"units", openweather.Query{City: "x", Units: openweather.UnitsImperial}, map[string]string{"q": "x", "units": "imperial"}},
		{"Kelvin", openweather.Query{City: "x", Units: openweather.UnitsStandard, Lang: "zh_cn"}, map[string]string{"q": "x", "units": "standard", "lang": "zh_cn"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, f := fake(t)
			f.Fail(200, `{"main":{"temp":1}}`)
			_, err := c.Current(t.Context(), tt.q)
			require.NoError(t, err)
			require.Len(t, f.Requests(), 1)
			r := f.Requests()[0]
			got := map[string]string{}
			for param, values := range r.Query {
				require.Len(t, values, 1)
				got[param] = values[0]
			}
			assert.Equal(t, "0123456789abcdef0123456789abcdef", got["appid"])
			delete(got, "appid")
			assert.Equal(t, tt.param, got)
			assert.Equal(t, "GET", r.Method)
			assert.Equal(t, "/data/2.5/weather", r.Path)
			assert.Equal(t, "application/json", r.Header.Get("Accept"))
			assert.Empty(t, r.Header.Get("Referer"))
		})
	}
}

func TestQueriesThatAreNotSent(t *testing.T) {
	t.Parallel()
	at := func(lat, lon float64) *openweather.Coord { return &openweather.Coord{Lat: lat, Lon: lon} }
	tests := []struct {
		name, code string
		q          openweather.Query
	}{
		{"nothing", "no_place", openweather.Query{}},
		{"space", "no_place", openweather.Query{City: " \t", Zip: "\n"}},
		{"commas", "no_place", openweather.Query{City: " , ,"}},
		{"city and coordinates", "ambiguous_place", openweather.Query{City: "x", Coord: at(0, 0)}},
		{"city and zip", "ambiguous_place", openweather.Query{City: "x", Zip: "1"}},
		{"zip and coordinates", "ambiguous_place", openweather.Query{Zip: "1", Coord: at(0, 0)}},
		{"201 characters", "invalid_place", openweather.Query{City: strings.Repeat("é", 201)}},
		{"invalid UTF-8", "invalid_place", openweather.Query{City: "a\xff"}},
		{"control character", "invalid_place", openweather.Query{City: "a\x00b"}},
		{"control character in a zip", "invalid_place", openweather.Query{Zip: "a\x1bb"}},
		{"north of the pole", "invalid_coord", openweather.Query{Coord: at(90.00001, 0)}},
		{"south of the pole", "invalid_coord", openweather.Query{Coord: at(-90.00001, 0)}},
		{"too far east", "invalid_coord", openweather.Query{Coord: at(0, 180.00001)}},
		{"too far west", "invalid_coord", openweather.Query{Coord: at(0, -180.00001)}},
		{"NaN latitude", "invalid_coord", openweather.Query{Coord: at(math.NaN(), 0)}},
		{"NaN longitude", "invalid_coord", openweather.Query{Coord: at(0, math.NaN())}},
		{"infinite", "invalid_coord", openweather.Query{Coord: at(math.Inf(1), 0)}},
		{"infinitely west", "invalid_coord", openweather.Query{Coord: at(0, math.Inf(-1))}},
		{"units", "invalid_units", openweather.Query{City: "x", Units: "Metric"}},
		{"lang", "invalid_lang", openweather.Query{City: "x", Lang: "de&x=y"}},
		{"long lang", "invalid_lang", openweather.Query{City: "x", Lang: "abcdefghijk"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := unused(t).Current(t.Context(), tt.q)
			assert.Nil(t, w)
			e := typed(t, err)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, connectors.KindInvalid, e.Kind)
			assert.Equal(t, "current", e.Op)
			assert.True(t, e.Permanent())
			assert.True(t, e.Unsent)
		})
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	c, _ := fake(t)
	w, err := c.Current(t.Context(), openweather.Query{City: "berlin,de", Lang: "de"})
	require.NoError(t, err)
	visibility, level, ground, rain := 10000.0, 1012.0, 1007.0, 0.21
	assert.Equal(t, &openweather.Weather{
		ID: 2950159, Name: "Berlin", Coord: openweather.Coord{Lat: 52.517, Lon: 13.3889},
		Weather:    []openweather.Condition{{ID: 500, Main: "Rain", Description: "Leichter Regen", Icon: "10d"}},
		Main:       openweather.Main{Temp: 12.3, FeelsLike: 11.6, TempMin: 11.2, TempMax: 13.4, Pressure: 1012, Humidity: 81, SeaLevel: &level, GroundLevel: &ground},
		Visibility: &visibility,
		Wind:       openweather.Wind{Speed: 4.1, Deg: 240}, Clouds: openweather.Clouds{All: 75},
		Rain:     &openweather.Precipitation{OneHour: &rain},
		Dt:       time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC),
		Sys:      openweather.Sys{Country: "DE", Sunrise: time.Date(2026, 1, 1, 7, 17, 0, 0, time.UTC), Sunset: time.Date(2026, 1, 1, 15, 3, 0, 0, time.UTC)},
		Timezone: 3600, Units: openweather.UnitsMetric,
	}, w)

	for units, want := range map[openweather.Units]float64{openweather.UnitsImperial: 54.14, openweather.UnitsStandard: 285.45} {
		w, err := c.Current(t.Context(), openweather.Query{Coord: &openweather.Coord{Lat: 52.5, Lon: 13.4}, Units: units})
		require.NoError(t, err)
		assert.InDelta(t, want, w.Main.Temp, 1e-9)
		assert.Equal(t, units, w.Units)
		assert.Equal(t, "Berlin", w.Name)
	}
}

// The example of the documentation, and answers that hold less or more than it.
func TestAnswersThatAreSuccesses(t *testing.T) {
	t.Parallel()
	zocca := `{"coord":{"lon":10.99,"lat":44.34},"weather":[{"id":501,"main":"Rain","description":"moderate rain","icon":"10d"},{"id":701}],
		"base":"stations","main":{"temp":298.48,"feels_like":298.74,"temp_min":297.56,"temp_max":300.05,"pressure":1015,"humidity":64,"sea_level":1015,"grnd_level":933},
		"visibility":10000,"wind":{"speed":0.62,"deg":349,"gust":1.18},"rain":{"1h":3.16},"clouds":{"all":100},"dt":1661870592,
		"sys":{"type":2,"id":2075663,"country":"IT","sunrise":1661834187,"sunset":1661882248},"timezone":7200,"id":3163858,"name":"Zocca","cod":200}`
	decode := func(t *testing.T, body string) *openweather.Weather {
		t.Helper()
		w, err := stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) { return reply(200, body), nil }).Current(t.Context(), berlin())
		require.NoError(t, err, body)
		_, err = json.Marshal(w)
		require.NoError(t, err)
		return w
	}
	w := decode(t, zocca)
	assert.Equal(t, "Zocca", w.Name)
	assert.Len(t, w.Weather, 2)
	assert.InDelta(t, 1.18, *w.Wind.Gust, 1e-9)
	assert.InDelta(t, 3.16, *w.Rain.OneHour, 1e-9)
	assert.Nil(t, w.Rain.ThreeHours)
	assert.Nil(t, w.Snow)
	assert.Equal(t, time.Unix(1661834187, 0).UTC(), w.Sys.Sunrise)

	least := &openweather.Weather{Main: openweather.Main{Temp: 0}, Units: openweather.UnitsMetric}
	for _, body := range []string{
		`{"main":{"temp":0}}`,
		`{"main":{"temp":0,"temp_min":null,"humidity":null},"cod":"200","rain":null,"weather":null,"visibility":null}`,
		`{"main":{"temp":-0.0},"cod":200,"unknown":{"a":[1]},"units":5,"sys":{},"clouds":{}}`,
		`{"main":{"temp":0},"cod":"","dt":0,"sys":{"sunrise":0,"sunset":0}}`,
		`{"main":{"temp":0},"cod":{},"dt":-1,"sys":{"sunrise":253402300800,"sunset":9223372036854775807}}`,
		`{"main":{"temp":0},"cod":null}`,
		`{"main":{"temp":0},"cod":0}`,
	} {
		got := decode(t, body)
		got.Main.Temp += 0
		assert.Equal(t, least, got, body)
	}
	polar := decode(t, `{"main":{"temp":-30.5},"snow":{"1h":0.5,"3h":1},"dt":253402300799}`)
	assert.InDelta(t, 1, *polar.Snow.ThreeHours, 0)
	assert.Equal(t, 9999, polar.Dt.Year())
	assert.True(t, polar.Sys.Sunset.IsZero())
}

func TestPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		hc, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) {
				calls++
				return reply(200, `{"main":{"temp":1}}`), nil
			})
		}})
		require.NoError(t, err)
		c, err := openweather.New(connectors.NewSecret(token), openweather.Config{Client: hc, BaseURL: "http://127.0.0.1:1"})
		require.NoError(t, err)
		start := time.Now()
		for range 60 {
			_, err := c.Current(t.Context(), berlin())
			require.NoError(t, err)
		}
		assert.Equal(t, time.Minute, time.Since(start), "60 in the first minute, and the next one after it")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Current(ctx, berlin())
		e := typed(t, err)
		assert.Equal(t, connectors.KindRateLimited, e.Kind)
		assert.Equal(t, "paced", e.Code)
		assert.Equal(t, 1200*time.Millisecond, e.RetryAfter)
		assert.True(t, e.Unsent)
		assert.Equal(t, time.Minute, time.Since(start), "it fails at once")
		assert.Equal(t, 60, calls)
	})
}

// After a 429 the next call waits, and one that cannot wait so long fails.
func TestTooManyCallsMakeOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				return reply(429, `{"cod":429}`, "Retry-After", "60"), nil
			}
			return reply(200, `{"main":{"temp":1}}`), nil
		})
		_, err := c.Current(t.Context(), berlin())
		e := typed(t, err)
		assert.True(t, e.Global)
		assert.Equal(t, time.Minute, e.RetryAfter)
		time.Sleep(49 * time.Second)
		_, err = c.Geocode(t.Context(), berlin(), 1)
		e = typed(t, err)
		assert.Equal(t, "paced", e.Code)
		assert.Equal(t, 11*time.Second, e.RetryAfter)
		assert.Equal(t, 1, calls)
		time.Sleep(2 * time.Second)
		_, err = c.Current(t.Context(), berlin())
		require.NoError(t, err, "it can wait for nine seconds")
		assert.Equal(t, 2, calls)
	})
}

func TestNilContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	_, err := unused(t).Current(none, berlin())
	assert.Equal(t, connectors.KindInvalid, typed(t, err).Kind)
	_, err = unused(t).Geocode(none, berlin(), 1)
	assert.Equal(t, connectors.KindInvalid, typed(t, err).Kind)
	assert.False(t, unused(t).Test(none).Success)
}
