package openweather_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

func Example() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("q") != "Berlin" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"cod":"404","message":"city not found"}`)
			return
		}
		fmt.Fprint(w, `{"name":"Berlin","main":{"temp":12.3},"weather":[{"description":"light rain"}],"cod":200}`)
	}))
	defer standIn.Close()

	weather, err := openweather.New(connectors.NewSecret("0123456789abcdef"), openweather.Config{
		BaseURL: standIn.URL, // leave it out to ask OpenWeather
		Cache:   10 * time.Minute,
	})
	if err != nil {
		panic(err)
	}
	now, err := weather.Current(context.Background(), openweather.Query{City: "Berlin"})
	if err != nil {
		panic(err)
	}
	fmt.Println(now.Name, now.Main.Temp, now.Weather[0].Description)

	_, err = weather.Current(context.Background(), openweather.Query{City: "Atlantis"})
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		fmt.Println(e.Code, e.Kind, e.Permanent())
	}
	// Output:
	// Berlin 12.3 light rain
	// 404 not_found true
}
