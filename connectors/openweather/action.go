package openweather

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Execute asks for the weather that an action means. Its configuration is
// {"city":"Berlin"}, {"zip":"10115,DE"} or {"lat":52.52,"lon":13.41}, with "units"
// and "lang" as in [Query]. Latitude and longitude may be strings. The message is
// a line such as "12.3 °C, light rain in Berlin".
func (c *Client) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	s, err := read(a)
	if err != nil {
		err = c.named("execute", err)
		return connectors.NewResult(start, "", err), err
	}
	w, err := c.Current(ctx, s.query())
	if err != nil {
		return connectors.NewResult(start, "", err), err
	}
	return connectors.NewResult(start, c.line(w), nil), nil
}

// Plan validates an action and returns the request that Execute would make, with
// "***" for the key. In an action that is not rendered, strings are shown as they
// are and not judged.
func (c *Client) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	s, err := read(a)
	var l lookup
	var warnings []string
	switch {
	case err != nil:
	case a.Unrendered:
		l, warnings, err = s.unrendered()
	default:
		l, err = s.query().weather()
	}
	if err != nil {
		return connectors.Plan{}, c.named("plan", err)
	}
	return connectors.Plan{
		Method: http.MethodGet, URL: c.url(l, mask), Header: http.Header{"Accept": {accept}}, Warnings: warnings,
		Summary: "would GET the current weather from " + c.host + ": " + l.label + ", " + string(l.units()),
	}, nil
}

// mask stands for the key.
const mask = "***"

// Test asks for the weather in Greenwich. It changes nothing, and is one of the
// calls that the plan of the key allows. It neither waits for its turn nor uses
// the cache.
func (c *Client) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	err := c.probe(ctx)
	if err != nil {
		err = c.named("test", err)
	}
	return connectors.NewResult(start, "OpenWeather accepts the key", err)
}

func (c *Client) probe(ctx context.Context) error {
	l, err := Query{Coord: &Coord{Lat: 51.48, Lon: 0}}.weather()
	if err != nil {
		return err
	}
	ctx, cancel, err := c.bound(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	body, err := c.get(connectors.ProbeContext(ctx), l)
	if err == nil {
		_, err = decodeWeather(body, l.units())
	}
	return err
}

// settings is the configuration of an action.
type settings struct {
	City  string  `json:"city"`
	Zip   string  `json:"zip"`
	Lat   degrees `json:"lat"`
	Lon   degrees `json:"lon"`
	Units string  `json:"units"`
	Lang  string  `json:"lang"`
}

// degrees is a number, or a string that holds one or stands for one.
type degrees struct {
	given bool
	value float64 // NaN for a string that is no number
	text  string
}

func (d *degrees) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if text[0] != '"' {
		d.given, d.text = true, string(text)
		return json.Unmarshal(text, &d.value)
	}
	err := json.Unmarshal(text, &d.text)
	d.text = strings.TrimSpace(d.text)
	d.given = d.text != "" // an empty field of a form
	var malformed error
	if d.value, malformed = strconv.ParseFloat(d.text, 64); malformed != nil {
		d.value = math.NaN()
	}
	return err
}

// orZero returns the number, or one that is valid for a placeholder.
func (d degrees) orZero() float64 {
	if math.IsNaN(d.value) {
		return 0
	}
	return d.value
}

func read(a connectors.Action) (settings, error) {
	var s settings
	if json.Unmarshal(a.Config, &s) != nil {
		return s, provider.Invalid("invalid_config", "the configuration is not a JSON object with city, zip, units and lang as strings, lat and lon as numbers")
	}
	if s.Lat.given != s.Lon.given {
		return s, provider.Invalid("invalid_config", "there is only one of lat and lon")
	}
	return s, nil
}

func (s settings) query() Query {
	q := Query{City: s.City, Zip: s.Zip, Units: Units(s.Units), Lang: s.Lang}
	if s.Lat.given {
		q.Coord = &Coord{Lat: s.Lat.value, Lon: s.Lon.value}
	}
	return q
}

// unrendered returns what would be asked if no string were a placeholder, and a
// warning when there is more than one place: rendering may leave nothing of one.
// It judges only what no string stands for.
func (s settings) unrendered() (l lookup, warnings []string, err error) {
	city, zip := words(s.City), words(s.Zip)
	l.params = url.Values{}
	set := func(param, text string) { l.params.Set(param, text) }
	if s.Lat.given {
		if _, _, err = (Coord{Lat: s.Lat.orZero(), Lon: s.Lon.orZero()}).decimals(); err != nil {
			return lookup{}, nil, err
		}
	}
	switch {
	case city != "":
		set("q", city)
		l.label = strconv.Quote(city)
	case zip != "":
		set("zip", zip)
		l.label = strconv.Quote(zip)
	case s.Lat.given:
		set("lat", s.Lat.text)
		set("lon", s.Lon.text)
		l.label = s.Lat.text + ", " + s.Lon.text
	default:
		return lookup{}, nil, provider.Invalid("no_place", "there is neither a city, a zip nor a coordinate")
	}
	if city != "" && (zip != "" || s.Lat.given) || zip != "" && s.Lat.given {
		warnings = []string{"there is more than one of city, zip and coordinate; rendering must leave one"}
	}
	return l.inUnits(cmp.Or(Units(s.Units), UnitsMetric), s.Lang), warnings, nil
}

const (
	maxShown = 80 // characters of a text of OpenWeather in a message
	minKey   = 8  // bytes that do not stand in ordinary words by chance
)

// line returns the weather in one line.
func (c *Client) line(w *Weather) string {
	temp := math.Round(w.Main.Temp*10)/10 + 0 // -0 + 0 is 0
	line := strconv.FormatFloat(temp, 'f', 1, 64) + " " + w.Units.symbol()
	if len(w.Weather) > 0 && w.Weather[0].Description != "" {
		line += ", " + c.shown(w.Weather[0].Description)
	}
	if w.Name != "" {
		line += " in " + c.shown(w.Name)
	}
	return line
}

// shown returns a text of an answer as a message may show it: on one line, not
// long, and without the key, should the receiver repeat what it was sent.
func (c *Client) shown(text string) string {
	if key := c.key.Reveal(); len(key) >= minKey {
		text = strings.ReplaceAll(text, key, mask)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	count := 0
	for i := range text {
		if count++; count > maxShown {
			return text[:i] + "..."
		}
	}
	return text
}
