package connectorstest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bracework/bracework/connectors"
)

const weatherKey = "0123456789abcdef0123456789abcdef"

// OpenWeather stands in for the API of OpenWeather: the current weather and the
// three ways of geocoding, in JSON. Create it with [NewOpenWeather]. Its methods
// may be called concurrently.
//
// It answers as OpenWeather documents it. A wrong key is a 401 whose cod is a
// number, an unknown city a 404 whose cod is a string, and a query without a place
// a 400. It knows London, Berlin, Paris, Tokyo and Portland (Oregon), and what
// [OpenWeather.AddPlace] adds. Everywhere it is 12.3 °C with light rain; a place
// more than half a degree from any that it knows has no name. It does not limit
// the rate. For other answers use Fail:
//
//	f.Fail(429, "", "Retry-After", "30")
//	f.Fail(502, "<html>")
type OpenWeather struct {
	base string

	mu       sync.Mutex
	places   []weatherPlace
	script   []weatherAnswer
	requests []OpenWeatherRequest
}

// OpenWeatherRequest is a request that an [OpenWeather] has received.
type OpenWeatherRequest struct {
	Method string
	Path   string
	Query  url.Values // with the key, as appid
	Header http.Header
}

type weatherAnswer struct {
	status int
	body   string
	header http.Header
}

// NewOpenWeather returns a stand-in for OpenWeather that ends with the test.
func NewOpenWeather(t testing.TB) *OpenWeather {
	t.Helper()
	f := &OpenWeather{places: weatherPlaces()}
	srv := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(srv.Close)
	f.base = srv.URL
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

// Fail sets the answer to the next request that has none yet, whatever it is. An
// empty body stands for the one that OpenWeather sends with the status. The header
// is a list of names and values, such as "Retry-After", "30". A connector may
// repeat a call that failed, and then gets what comes next.
func (f *OpenWeather) Fail(status int, body string, header ...string) {
	next := weatherFailure(status)
	if body != "" {
		next = weatherAnswer{status: status, body: body, header: http.Header{}}
	}
	for pair := range slices.Chunk(header, 2) {
		next.header.Set(pair[0], pair[len(pair)-1])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, next)
}

// Requests returns what was received, in order.
func (f *OpenWeather) Requests() []OpenWeatherRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *OpenWeather) serve(w http.ResponseWriter, r *http.Request) {
	a := f.record(OpenWeatherRequest{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone()})
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// record keeps a request and returns its answer.
func (f *OpenWeather) record(r OpenWeatherRequest) weatherAnswer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	if len(f.script) > 0 {
		next := f.script[0]
		f.script = f.script[1:]
		return next
	}
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
func weatherFailure(status int) weatherAnswer {
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
		return weatherAnswer{
			status: status, header: http.Header{"Content-Type": {"text/html"}},
			body: strings.ReplaceAll("<html><body><h1>TITLE</h1></body></html>", "TITLE", title),
		}
	}
}

// weatherCod is a failure in JSON. Its cod is a number or a string.
func weatherCod(status int, cod, message string) weatherAnswer {
	return weatherJSON(status, fmt.Sprintf(`{"cod":%s, "message":%q}`, cod, message))
}

func weatherJSON(status int, body string) weatherAnswer {
	return weatherAnswer{status: status, body: body, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}
