package openweather

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// maxPlaces is how many places OpenWeather returns at most.
const maxPlaces = 5

// Place is a place that OpenWeather knows. &p.Coord serves as [Query.Coord].
type Place struct {
	Name string `json:"name"`
	Coord
	Country string `json:"country"`         // "DE"
	State   string `json:"state,omitempty"` // where there is one
	Zip     string `json:"zip,omitempty"`   // of a query with one
	// LocalNames are the names in other languages, by the code of the language.
	LocalNames map[string]string `json:"local_names,omitempty"`
}

// Geocode returns the places that a query means, at most limit of them, which is
// from 1 to 5, or 0 for 5. A city or a zip becomes coordinates, and coordinates
// become the names of places. Units and Lang have no effect.
//
// No such place is no error: the slice is empty, and never nil. The error is a
// [*connectors.Error].
func (c *Client) Geocode(ctx context.Context, q Query, limit int) ([]Place, error) {
	places, err := c.geocode(ctx, q, limit)
	if err != nil {
		return nil, c.named("geocode", err)
	}
	return places, nil
}

func (c *Client) geocode(ctx context.Context, q Query, limit int) ([]Place, error) {
	if limit == 0 {
		limit = maxPlaces
	}
	if limit < 0 || limit > maxPlaces {
		return nil, provider.Invalid("invalid_limit", "limit is not from 1 to 5")
	}
	l, err := q.place()
	if err != nil {
		return nil, err
	}
	byZip := l.params.Has("zip")
	switch {
	case byZip:
		l.path = pathZip
	case q.Coord != nil:
		l.path = pathReverse
	default:
		l.path = pathDirect
	}
	if !byZip {
		l.params.Set("limit", strconv.Itoa(limit))
	}
	ctx, cancel, err := c.bound(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	body, err := c.fetch(ctx, l)
	// Of a zip there is one place or none, which is a 404. The code of one that
	// does not come from OpenWeather is another.
	if e, ok := errors.AsType[*connectors.Error](err); ok && byZip && e.Code == "404" {
		return []Place{}, nil
	}
	if err != nil {
		return nil, err
	}
	places, err := decodePlaces(body, byZip)
	return places[:min(len(places), limit)], err
}

// decodePlaces reads the body of a success: a list, or a single place.
func decodePlaces(body []byte, single bool) ([]Place, error) {
	type place struct {
		Place
		Lat *float64 `json:"lat"` // these in place of those of Place
		Lon *float64 `json:"lon"`
	}
	var list []place
	var err error
	if single {
		list = make([]place, 1)
		err = json.Unmarshal(body, &list[0])
	} else {
		err = json.Unmarshal(body, &list)
	}
	if err != nil || list == nil {
		return nil, unexpected(http.StatusOK)
	}
	places := make([]Place, 0, len(list))
	for _, p := range list {
		if p.Lat == nil || p.Lon == nil {
			return nil, unexpected(http.StatusOK)
		}
		p.Coord = Coord{Lat: *p.Lat, Lon: *p.Lon}
		places = append(places, p.Place)
	}
	return places, nil
}
