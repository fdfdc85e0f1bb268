package openweather

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/bracework/bracework/connectors"
)

// Weather is the weather at a place. A number that OpenWeather left out is 0, a
// time the zero [time.Time], and a pointer nil. Times are in UTC.
type Weather struct {
	ID    int64  `json:"id"`   // of the place
	Name  string `json:"name"` // of the place, empty where there is none
	Coord Coord  `json:"coord"`
	// Weather describes the conditions, the most important one first.
	Weather []Condition `json:"weather"`
	Main    Main        `json:"main"`
	// Visibility is in metres, 10 km at most.
	Visibility *float64 `json:"visibility,omitempty"`
	Wind       Wind     `json:"wind"`
	Clouds     Clouds   `json:"clouds"`
	// Rain and Snow are nil when there is none.
	Rain *Precipitation `json:"rain,omitempty"`
	Snow *Precipitation `json:"snow,omitempty"`
	// Dt is when the weather was computed.
	Dt  time.Time `json:"dt,omitzero"`
	Sys Sys       `json:"sys"`
	// Timezone is what the place's time is ahead of UTC, in seconds.
	Timezone int `json:"timezone"`
	// Units is what the query asked for. Pressure, visibility and precipitation
	// are in the same units whatever it is.
	Units Units `json:"units"`
}

// Condition is a kind of weather.
type Condition struct {
	ID          int    `json:"id"`          // 500
	Main        string `json:"main"`        // the group, "Rain"
	Description string `json:"description"` // "light rain", in the language of the query
	Icon        string `json:"icon"`        // "10d"
}

// Main holds temperatures in °C, °F or K, pressures in hPa and the humidity in
// percent.
type Main struct {
	Temp      float64 `json:"temp"`
	FeelsLike float64 `json:"feels_like"`
	// TempMin and TempMax are the extremes within a large city at this moment.
	TempMin  float64 `json:"temp_min"`
	TempMax  float64 `json:"temp_max"`
	Pressure float64 `json:"pressure"` // at sea level
	Humidity float64 `json:"humidity"`
	// SeaLevel and GroundLevel are pressures.
	SeaLevel    *float64 `json:"sea_level,omitempty"`
	GroundLevel *float64 `json:"grnd_level,omitempty"`
}

// Wind has speeds in m/s or miles/hour, and the direction that it blows from in
// degrees.
type Wind struct {
	Speed float64  `json:"speed"`
	Deg   float64  `json:"deg"`
	Gust  *float64 `json:"gust,omitempty"`
}

// Clouds is the cloudiness in percent.
type Clouds struct {
	All float64 `json:"all"`
}

// Precipitation is rain or snow, in mm. The first is a rate, in mm an hour.
type Precipitation struct {
	OneHour    *float64 `json:"1h,omitempty"`
	ThreeHours *float64 `json:"3h,omitempty"`
}

// Sys is about the place. Where the sun does not rise or set there is no time.
type Sys struct {
	Country string    `json:"country"` // "DE"
	Sunrise time.Time `json:"sunrise,omitzero"`
	Sunset  time.Time `json:"sunset,omitzero"`
}

// Current returns the weather at a place. The error is a [*connectors.Error]; a
// city that OpenWeather does not know is KindNotFound.
func (c *Client) Current(ctx context.Context, q Query) (*Weather, error) {
	w, err := c.current(ctx, q)
	if err != nil {
		return nil, c.named("current", err)
	}
	return w, nil
}

func (c *Client) current(caller context.Context, q Query) (*Weather, error) {
	l, err := q.weather()
	if err != nil {
		return nil, err
	}
	ctx, cancel, err := c.bound(caller)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if c.cache == nil {
		body, err := c.fetch(ctx, l)
		if err != nil {
			return nil, err
		}
		return decodeWeather(body, l.units())
	}
	body, err := c.cache.get(ctx, l.key(), func() (body []byte, shared bool, err error) {
		if body, err = c.fetch(ctx, l); err == nil {
			// What cannot be read must not be kept.
			_, err = decodeWeather(body, l.units())
		}
		return body, caller.Err() == nil && !ownFault(err), err
	})
	if err != nil {
		return nil, err
	}
	return decodeWeather(body, l.units()) // each caller its own copy
}

// ownFault reports whether an error says something about the caller, such as that
// its deadline comes before its turn, and nothing about OpenWeather.
func ownFault(err error) bool {
	e, ok := errors.AsType[*connectors.Error](err)
	return ok && e.Unsent && (e.Kind == connectors.KindRateLimited || e.Kind == connectors.KindBlocked)
}

// decodeWeather reads the body of a success.
func decodeWeather(body []byte, units Units) (*Weather, error) {
	var b struct {
		Weather
		Main *struct { // these in place of those of Weather
			Main
			Temp *float64 `json:"temp"`
		} `json:"main"`
		Dt  int64 `json:"dt"`
		Sys struct {
			Country string `json:"country"`
			Sunrise int64  `json:"sunrise"`
			Sunset  int64  `json:"sunset"`
		} `json:"sys"`
		Units any `json:"units"` // no member of an answer
	}
	if json.Unmarshal(body, &b) != nil || b.Main == nil || b.Main.Temp == nil {
		return nil, unexpected(http.StatusOK)
	}
	w := b.Weather
	w.Main = b.Main.Main
	w.Main.Temp = *b.Main.Temp
	w.Dt = unix(b.Dt)
	w.Sys = Sys{Country: b.Sys.Country, Sunrise: unix(b.Sys.Sunrise), Sunset: unix(b.Sys.Sunset)}
	w.Units = units
	return &w, nil
}

// unix returns the time of a number of seconds. What is no time of this era
// stands for none: RFC 3339, and so JSON, ends with the year 9999.
func unix(seconds int64) time.Time {
	const end = 253402300800
	if seconds <= 0 || seconds >= end {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
