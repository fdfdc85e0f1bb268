package health_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bracework/bracework/health"
)

// Two of three replicas are enough, a redirect to a login page is not an
// answer, and what the service can do without is optional.
func ExampleAny() {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	login := httptest.NewServer(http.RedirectHandler("/login", http.StatusFound))
	defer login.Close()

	h, err := health.New(health.Config{}, health.Check{
		Name: "search",
		Checker: health.Any(2,
			health.HTTP(up.URL, health.HTTPConfig{}),
			health.HTTP(up.URL, health.HTTPConfig{}),
			health.HTTP(login.URL, health.HTTPConfig{})),
		Timeout: 2 * time.Second,
	}, health.Check{
		Name:     "billing",
		Checker:  health.HTTP(login.URL, health.HTTPConfig{Method: http.MethodHead}),
		Optional: true,
	})
	if err != nil {
		panic(err)
	}
	defer h.Close()
	rep := h.Evaluate(context.Background())
	fmt.Println(rep.Status)
	for _, c := range rep.Checks {
		fmt.Printf("%s %s %q\n", c.Name, c.Outcome, c.Reason)
	}
	// Output:
	// degraded
	// search ok ""
	// billing degraded "status"
}
