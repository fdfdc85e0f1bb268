package openweather

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// Units says in which units a [Weather] is.
type Units string

// The units of OpenWeather. The API's own default is standard, which is of use to
// few; here it is metric.
const (
	UnitsMetric   Units = "metric"   // °C, m/s
	UnitsImperial Units = "imperial" // °F, miles/hour
	UnitsStandard Units = "standard" // K, m/s
)

// symbol is what stands behind a temperature.
func (u Units) symbol() string {
	switch u {
	case UnitsImperial:
		return "°F"
	case UnitsStandard:
		return "K"
	default:
		return "°C"
	}
}

// Coord is a position in degrees: latitude from -90 to 90, longitude from -180 to
// 180. It is sent with four decimals.
type Coord struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// Query says which place is meant: exactly one of City, Zip and Coord.
// OpenWeather recommends coordinates, and keeps the others for what exists.
type Query struct {
	// City is a name, optionally with a country ("Berlin,DE") or with a state of
	// the USA and the country ("Portland,OR,US"). At most 200 characters.
	City string
	// Zip is a postal code and a country, "10115,DE". Without a country
	// OpenWeather takes it for one of the USA.
	Zip   string
	Coord *Coord
	// Units is metric by default.
	Units Units
	// Lang is the language of descriptions and names, such as "de" or "pt_br".
	// OpenWeather answers in English when it does not know the language.
	// Default: English.
	Lang string
}

const (
	pathWeather = "/data/2.5/weather"
	pathDirect  = "/geo/1.0/direct"
	pathZip     = "/geo/1.0/zip"
	pathReverse = "/geo/1.0/reverse"

	maxText = 200 // characters of a place
	maxLang = 10  // of a language
)

// lookup is a checked query: what is asked of the API.
type lookup struct {
	path   string
	params url.Values // without the key
	label  string     // the place, for people
}

// place checks which place q means. The result has no path.
func (q Query) place() (lookup, error) {
	city, zip := words(q.City), words(q.Zip)
	given := 0
	for _, is := range []bool{city != "", zip != "", q.Coord != nil} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return lookup{}, provider.Invalid("no_place", "there is neither a city, a zip nor a coordinate")
	case given > 1:
		return lookup{}, provider.Invalid("ambiguous_place", "there is more than one of city, zip and coordinate")
	case q.Coord != nil:
		lat, lon, err := q.Coord.decimals()
		return lookup{params: url.Values{"lat": {lat}, "lon": {lon}}, label: lat + ", " + lon}, err
	case zip != "":
		return lookup{params: url.Values{"zip": {zip}}, label: strconv.Quote(zip)}, checkText(zip)
	default:
		return lookup{params: url.Values{"q": {city}}, label: strconv.Quote(city)}, checkText(city)
	}
}

// weather returns the lookup of the weather.
func (q Query) weather() (lookup, error) {
	l, err := q.place()
	if err != nil {
		return lookup{}, err
	}
	units, lang := q.Units, strings.ToLower(q.Lang)
	switch units {
	case "":
		units = UnitsMetric
	case UnitsMetric, UnitsImperial, UnitsStandard:
	default:
		return lookup{}, provider.Invalid("invalid_units", "units is none of metric, imperial and standard")
	}
	if !isLang(lang) {
		return lookup{}, provider.Invalid("invalid_lang", "lang is no code of a language")
	}
	return l.inUnits(units, lang), nil
}

func (l lookup) inUnits(units Units, lang string) lookup {
	l.path = pathWeather
	l.params.Set("units", string(units))
	if lang != "" {
		l.params.Set("lang", lang)
	}
	return l
}

func (l lookup) units() Units { return Units(l.params.Get("units")) }

// key is the same for queries that the API answers alike. What is escaped must be
// in lower case before.
func (l lookup) key() string {
	key := url.Values{}
	for param, values := range l.params {
		key.Set(param, strings.ToLower(values[0]))
	}
	return key.Encode()
}

// decimals returns the coordinates as they are sent.
func (c Coord) decimals() (lat, lon string, err error) {
	if math.IsNaN(c.Lat) || math.IsNaN(c.Lon) || math.Abs(c.Lat) > 90 || math.Abs(c.Lon) > 180 {
		return "", "", provider.Invalid("invalid_coord", "lat is not from -90 to 90, or lon not from -180 to 180")
	}
	return decimal(c.Lat), decimal(c.Lon), nil
}

func decimal(v float64) string {
	v = math.Round(v*1e4) / 1e4
	return strconv.FormatFloat(v+0, 'f', -1, 64) // -0 + 0 is 0
}

// words returns s with single spaces, and none around commas.
func words(s string) string {
	parts := strings.Split(s, ",")
	for i, part := range parts {
		parts[i] = strings.Join(strings.Fields(part), " ")
	}
	if s = strings.Join(parts, ","); strings.Trim(s, ",") == "" {
		return ""
	}
	return s
}

func checkText(s string) error {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		return provider.Invalid("invalid_place", "the place is not valid UTF-8, has control characters, or more than 200 characters")
	}
	return nil
}

func isLang(s string) bool {
	return len(s) <= maxLang && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '_' && r != '-'
	})
}
