package connectorstest

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// weatherPlace is a place that an [OpenWeather] knows, in the form in which the
// geocoding API shows it.
type weatherPlace struct {
	Name       string            `json:"name"`
	LocalNames map[string]string `json:"local_names,omitempty"`
	Lat        float64           `json:"lat"`
	Lon        float64           `json:"lon"`
	Country    string            `json:"country"`
	State      string            `json:"state,omitempty"`
	zip        string
}

func weatherPlaces() []weatherPlace {
	return []weatherPlace{
		{Name: "London", Country: "GB", State: "England", Lat: 51.5073, Lon: -0.1276, zip: "E14", LocalNames: map[string]string{"en": "London", "fr": "Londres"}},
		{Name: "Berlin", Country: "DE", Lat: 52.517, Lon: 13.3889, zip: "10115", LocalNames: map[string]string{"de": "Berlin", "it": "Berlino"}},
		{Name: "Paris", Country: "FR", State: "Ile-de-France", Lat: 48.8589, Lon: 2.32, zip: "75001"},
		{Name: "Tokyo", Country: "JP", Lat: 35.6828, Lon: 139.7595, LocalNames: map[string]string{"en": "Tokyo", "ja": "東京都"}},
		{Name: "Portland", Country: "US", State: "Oregon", Lat: 45.5202, Lon: -122.6742, zip: "97201"},
	}
}

// weather answers GET /data/2.5/weather.
func (f *OpenWeather) weather(query url.Values) response {
	place := weatherPlace{}
	switch {
	case query.Has("lat") || query.Has("lon"):
		lat, lon, wrong := weatherCoord(query)
		if wrong != "" {
			return weatherCod(http.StatusBadRequest, `"400"`, wrong)
		}
		if near := f.near(lat, lon); near != nil {
			place = *near
		}
		place.Lat, place.Lon = lat, lon
	case query.Get("q") != "" || query.Get("zip") != "":
		found := f.find(query.Get("q"), query.Get("zip"))
		if len(found) == 0 {
			return weatherFailure(http.StatusNotFound)
		}
		place = found[0]
	default:
		return weatherFailure(http.StatusBadRequest)
	}
	description := "light rain"
	if query.Get("lang") == "de" {
		description = "Leichter Regen"
	}
	temp := func(celsius float64) float64 { return weatherTemp(celsius, query.Get("units")) }
	speed := 4.1
	if query.Get("units") == "imperial" {
		speed = 9.17
	}
	return weatherEncode(map[string]any{
		"coord":      map[string]float64{"lat": place.Lat, "lon": place.Lon},
		"weather":    []map[string]any{{"id": 500, "main": "Rain", "description": description, "icon": "10d"}},
		"base":       "stations",
		"main":       map[string]float64{"temp": temp(12.3), "feels_like": temp(11.6), "temp_min": temp(11.2), "temp_max": temp(13.4), "pressure": 1012, "humidity": 81, "sea_level": 1012, "grnd_level": 1007},
		"visibility": 10000,
		"wind":       map[string]float64{"speed": speed, "deg": 240},
		"rain":       map[string]float64{"1h": 0.21},
		"clouds":     map[string]int{"all": 75},
		"dt":         1767261600,
		"sys":        map[string]any{"type": 2, "id": 2011538, "country": place.Country, "sunrise": 1767251820, "sunset": 1767279780},
		"timezone":   3600,
		"id":         2950159,
		"name":       place.Name,
		"cod":        http.StatusOK,
	})
}

// weatherTemp converts a temperature. What is no name of units is standard.
func weatherTemp(celsius float64, units string) float64 {
	switch units {
	case "metric":
	case "imperial":
		celsius = celsius*9/5 + 32
	default:
		celsius += 273.15
	}
	return math.Round(celsius*100) / 100
}

// direct answers GET /geo/1.0/direct. No place is a list without one.
func (f *OpenWeather) direct(query url.Values) response {
	if query.Get("q") == "" {
		return weatherFailure(http.StatusBadRequest)
	}
	return weatherList(f.find(query.Get("q"), ""), query)
}

// reverse answers GET /geo/1.0/reverse.
func (f *OpenWeather) reverse(query url.Values) response {
	lat, lon, wrong := weatherCoord(query)
	if wrong != "" {
		return weatherCod(http.StatusBadRequest, `"400"`, wrong)
	}
	places := []weatherPlace{}
	if near := f.near(lat, lon); near != nil {
		places = append(places, *near)
	}
	return weatherList(places, query)
}

// zip answers GET /geo/1.0/zip: with one place, or with 404.
func (f *OpenWeather) zip(query url.Values) response {
	if query.Get("zip") == "" {
		return weatherCod(http.StatusBadRequest, `"400"`, "invalid zip code")
	}
	found := f.find("", query.Get("zip"))
	if len(found) == 0 {
		return weatherCod(http.StatusNotFound, `"404"`, "not found")
	}
	p := found[0]
	return weatherEncode(map[string]any{"zip": p.zip, "name": p.Name, "lat": p.Lat, "lon": p.Lon, "country": p.Country})
}

// find returns the places of a name or a zip, with or without state and country.
func (f *OpenWeather) find(name, zip string) []weatherPlace {
	found := []weatherPlace{}
	for _, p := range f.places {
		parts, first := strings.Split(name, ","), p.Name
		country := parts[len(parts)-1]
		if zip != "" {
			parts, first = strings.Split(zip, ","), p.zip
			country = "US"
			if len(parts) > 1 {
				country = parts[1]
			}
		} else if len(parts) == 1 {
			country = p.Country
		}
		if first != "" && strings.EqualFold(strings.TrimSpace(parts[0]), first) && strings.EqualFold(strings.TrimSpace(country), p.Country) {
			found = append(found, p)
		}
	}
	return found
}

func (f *OpenWeather) near(lat, lon float64) *weatherPlace {
	for _, p := range f.places {
		if math.Abs(p.Lat-lat) <= 0.5 && math.Abs(p.Lon-lon) <= 0.5 {
			return &p
		}
	}
	return nil
}

// weatherCoord returns the coordinates of a query, or the message for them.
func weatherCoord(query url.Values) (lat, lon float64, wrong string) {
	lat, err := strconv.ParseFloat(query.Get("lat"), 64)
	if err != nil || math.IsNaN(lat) || math.Abs(lat) > 90 {
		return 0, 0, "wrong latitude"
	}
	lon, err = strconv.ParseFloat(query.Get("lon"), 64)
	if err != nil || math.IsNaN(lon) || math.Abs(lon) > 180 {
		return 0, 0, "wrong longitude"
	}
	return lat, lon, ""
}

func weatherList(places []weatherPlace, query url.Values) response {
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 1
	}
	return weatherEncode(places[:min(len(places), limit, 5)])
}

func weatherEncode(v any) response {
	body, err := json.Marshal(v)
	if err != nil {
		return weatherFailure(http.StatusInternalServerError)
	}
	return jsonResponse(http.StatusOK, string(body))
}
