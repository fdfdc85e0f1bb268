package openweather_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

func TestGeocode(t *testing.T) {
	t.Parallel()
	c, f := fake(t)
	places, err := c.Geocode(t.Context(), openweather.Query{City: "London, GB"}, 0)
	require.NoError(t, err)
	london := openweather.Place{
		Name: "London", Coord: openweather.Coord{Lat: 51.5073, Lon: -0.1276}, Country: "GB", State: "England",
		LocalNames: map[string]string{"en": "London", "fr": "Londres"},
	}
	assert.Equal(t, []openweather.Place{london}, places)
	assert.Equal(t, "/geo/1.0/direct", f.Requests()[0].Path)
	assert.Equal(t, "5", f.Requests()[0].Query.Get("limit"))

	places, err = c.Geocode(t.Context(), openweather.Query{Coord: &openweather.Coord{Lat: 51.5, Lon: 0}}, 2)
	require.NoError(t, err)
	assert.Equal(t, []openweather.Place{london}, places)
	assert.Equal(t, "/geo/1.0/reverse", f.Requests()[1].Path)
	assert.Equal(t, "2", f.Requests()[1].Query.Get("limit"))

	places, err = c.Geocode(t.Context(), openweather.Query{Zip: "10115,DE"}, 1)
	require.NoError(t, err)
	assert.Equal(t, []openweather.Place{{Name: "Berlin", Coord: openweather.Coord{Lat: 52.517, Lon: 13.3889}, Country: "DE", Zip: "10115"}}, places)

	w, err := c.Current(t.Context(), openweather.Query{Coord: &places[0].Coord})
	require.NoError(t, err)
	assert.Equal(t, "Berlin", w.Name)

	b, err := json.Marshal(places[0])
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"Berlin","lat":52.517,"lon":13.3889,"country":"DE","zip":"10115"}`, string(b))
}

func TestNoSuchPlaceIsAnEmptySlice(t *testing.T) {
	t.Parallel()
	c, _ := fake(t)
	for _, q := range []openweather.Query{{City: "Atlantis"}, {Zip: "00000,DE"}, {Coord: &openweather.Coord{}}} {
		places, err := c.Geocode(t.Context(), q, 5)
		require.NoError(t, err)
		assert.NotNil(t, places)
		assert.Empty(t, places)
	}
}

func TestGeocodeErrors(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{-1, 6} {
		_, err := unused(t).Geocode(t.Context(), berlin(), limit)
		assert.Equal(t, "invalid_limit", typed(t, err).Code)
	}
	_, err := unused(t).Geocode(t.Context(), openweather.Query{}, 1)
	assert.Equal(t, "no_place", typed(t, err).Code)

	tests := []struct {
		zip    bool
		status int
		body   string
		kind   connectors.Kind
		code   string
	}{
		{false, 200, `{}`, connectors.KindServer, "unexpected_answer"},
		{false, 200, `null`, connectors.KindServer, "unexpected_answer"},
		{false, 200, ``, connectors.KindServer, "unexpected_answer"},
		{false, 200, `[{}]`, connectors.KindServer, "unexpected_answer"},
		{false, 200, `[{"lat":1}]`, connectors.KindServer, "unexpected_answer"},
		{false, 200, `[null]`, connectors.KindServer, "unexpected_answer"},
		{false, 200, `[{"lat":"1","lon":"2"}]`, connectors.KindServer, "unexpected_answer"},
		{false, 200, `{"cod":"404"}`, connectors.KindNotFound, "404"},
		{false, 400, `{"cod":"400","message":"Nothing to geocode"}`, connectors.KindInvalid, "400"},
		{false, 404, `{"cod":"404","message":"Internal error"}`, connectors.KindNotFound, "404"},
		{true, 200, `[]`, connectors.KindServer, "unexpected_answer"},
		{true, 200, `{"name":"x"}`, connectors.KindServer, "unexpected_answer"},
		{true, 200, `null`, connectors.KindServer, "unexpected_answer"},
		{true, 404, `<html>`, connectors.KindNotFound, "http_404"},
		{true, 401, `{"cod":401}`, connectors.KindAuth, "401"},
	}
	for _, tt := range tests {
		c := stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) { return reply(tt.status, tt.body), nil })
		q := berlin()
		if tt.zip {
			q = openweather.Query{Zip: "1"}
		}
		places, err := c.Geocode(t.Context(), q, 1)
		e := typed(t, err)
		assert.Equal(t, tt.kind, e.Kind, tt.body)
		assert.Equal(t, tt.code, e.Code, tt.body)
		assert.Equal(t, "geocode", e.Op)
		assert.Nil(t, places)
	}
}

// A receiver that returns more than was asked for.
func TestGeocodeReturnsNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	c := stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) {
		return reply(200, `[{"lat":1,"lon":1},{"lat":2,"lon":2},{"lat":3,"lon":3}]`), nil
	})
	places, err := c.Geocode(t.Context(), berlin(), 2)
	require.NoError(t, err)
	assert.Len(t, places, 2)
}
