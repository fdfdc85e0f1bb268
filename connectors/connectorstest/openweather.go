package connectorstest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/bracework/bracework/connectors"
)

const weatherKey = "0123456789abcdef0123456789abcdef"

// OpenWeather stands in for the API of OpenWeather: the current weather and the
// three ways of geocoding, in JSON. Create it with [NewOpenWeather]. The Query of a
// [Request] has the key, as appid.
//
// It answers as OpenWeather documents it. A wrong key is a 401 whose cod is a
// number, an unknown city a 404 whose cod is a string, and a query without a place
// a 400. It knows London, Berlin, Paris, Tokyo and Portland (Oregon), and what
// [OpenWeather.AddPlace] adds. Everywhere it is 12.3 °C with light rain; a place
// more than half a degree from any that it knows has no name. For other answers use
// Fail:
//
//	f.Fail(429, "", "Retry-After", "30")
//	f.Fail(502, "<html>")
type OpenWeather struct {
	*server

	places []weatherPlace // under server.mu
}

// NewOpenWeather returns a stand-in for OpenWeather that ends with the test.
func NewOpenWeather(t testing.TB) *OpenWeather {
	t.Helper()
	f := &OpenWeather{places: weatherPlaces()}
	f.server = newServer(t, f.answers)
	return f
}

// BaseURL returns the address of the API, on loopback.
func (f *OpenWeather) BaseURL() string { return f.base }

// Key returns the key that is accepted.
func (f *OpenWeather) Key() connectors.Secret { return connectors.NewSecret(weatherKey) }

// AddPlace makes a place known by its name and by coordinates near it. The country
// is a code, such as "DE".
func (f *OpenWeather) AddPlace(name, country string, lat, lon float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.places = append(f.places, weatherPlace{Name: name, Country: country, Lat: lat, Lon: lon})
}

// Fail is that of every stand-in, in which an empty body stands for the one that
// OpenWeather sends with the status.
func (f *OpenWeather) Fail(status int, body string, header ...string) {
	if body == "" {
		body = weatherFailure(status).body
	}
	f.server.Fail(status, body, header...)
}

func (f *OpenWeather) answers(r Request) response {
	switch {
	case r.Method != http.MethodGet:
		return weatherFailure(http.StatusMethodNotAllowed)
	case r.Query.Get("appid") != weatherKey:
		return weatherFailure(http.StatusUnauthorized)
	}
	switch r.Path {
	case "/data/2.5/weather":
		return f.weather(r.Query)
	case "/geo/1.0/direct":
		return f.direct(r.Query)
	case "/geo/1.0/zip":
		return f.zip(r.Query)
	case "/geo/1.0/reverse":
		return f.reverse(r.Query)
	default:
		return weatherCod(http.StatusNotFound, `"404"`, "Internal error")
	}
}

// weatherFailure is the answer that is documented, or known, for a status.
func weatherFailure(status int) response {
	switch status {
	case http.StatusBadRequest:
		return weatherCod(status, `"400"`, "Nothing to geocode")
	case http.StatusUnauthorized:
		return weatherCod(status, `401`, "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info.")
	case http.StatusNotFound:
		return weatherCod(status, `"404"`, "city not found")
	case http.StatusTooManyRequests:
		return weatherCod(status, `429`, "Your account is temporary blocked due to exceeding of requests limitation of your subscription type. Please choose the proper subscription https://openweathermap.org/price")
	default:
		title := fmt.Sprint(status, " ", http.StatusText(status))
		return response{status: status, body: strings.ReplaceAll("<html><body><h1>TITLE</h1></body></html>", "TITLE", title)}
	}
}

// weatherCod is a failure in JSON. Its cod is a number or a string.
func weatherCod(status int, cod, message string) response {
	return jsonResponse(status, fmt.Sprintf(`{"cod":%s, "message":%q}`, cod, message))
}
