package breaker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/bracework/bracework/breaker"
)

// Each host has a circuit of its own: one that fails is left alone, the others
// are called as before.
func ExampleTransport() {
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer good.Close()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer bad.Close()

	group, err := breaker.NewGroup(0, breaker.Config{Consecutive: 2})
	if err != nil {
		panic(err)
	}
	client := &http.Client{
		Transport: breaker.Transport(&http.Transport{}, group, breaker.TransportConfig{}),
		Timeout:   5 * time.Second, // a breaker sets no deadline
	}
	get := func(url string) {
		resp, err := client.Get(url)
		if errors.Is(err, breaker.ErrOpen) {
			fmt.Println("not called")
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		fmt.Println(resp.Status)
	}
	for range 3 {
		get(bad.URL)
	}
	get(good.URL)
	for _, b := range group.Range {
		fmt.Println(strings.HasPrefix(b.Name(), "http://127.0.0.1:"))
	}
	// Output:
	// 502 Bad Gateway
	// 502 Bad Gateway
	// not called
	// 200 OK
	// true
	// true
}

// While a host is left alone, something else answers.
func ExampleTransportConfig_fallback() {
	group, err := breaker.NewGroup(0, breaker.Config{})
	if err != nil {
		panic(err)
	}
	group.Get("https://rates.example.com").ForceOpen()

	client := &http.Client{Transport: breaker.Transport(&http.Transport{}, group, breaker.TransportConfig{
		Fallback: func(r *http.Request, _ error) (*http.Response, error) {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return &http.Response{
				StatusCode: http.StatusOK,
				Header:     http.Header{"Warning": {`110 - "Response is Stale"`}},
				Body:       io.NopCloser(strings.NewReader(`{"EUR":1.08}`)),
				Request:    r,
			}, nil
		},
	})}
	resp, err := client.Get("https://rates.example.com/today")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", body)
	// Output: {"EUR":1.08}
}

// A handler that fails is relieved of requests, which are told when to come back.
func ExampleBreaker_Handler() {
	b, err := breaker.New("reports", breaker.Config{Consecutive: 1, OpenFor: 10 * time.Second})
	if err != nil {
		panic(err)
	}
	reports := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusInternalServerError)
	}))
	for range 2 {
		w := httptest.NewRecorder()
		reports.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/reports/7", nil))
		fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Header().Get("Retry-After") != "")
	}
	// Output:
	// 500 text/plain; charset=utf-8 false
	// 503 application/problem+json true
}

// What an operator's page or a metrics scrape reads; it changes nothing.
func ExampleGroup_Range() {
	group, err := breaker.NewGroup(100, breaker.Config{})
	if err != nil {
		panic(err)
	}
	group.Get("https://a.example.com").ForceOpen()
	group.Get("https://b.example.com").ForceClosed()
	states := map[string]breaker.State{}
	for key, b := range group.Range {
		states[key] = b.Snapshot().State
	}
	fmt.Println(states)
	// Output: map[https://a.example.com:forced-open https://b.example.com:forced-closed]
}
