package health_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	gosundheit "github.com/AppsFlyer/go-sundheit"
	"github.com/AppsFlyer/go-sundheit/checks"
	sundheithttp "github.com/AppsFlyer/go-sundheit/http"
	alex "github.com/alexliesenfeld/health"
	hello "github.com/hellofresh/health-go/v5"
)

var alexliesenfeld = contender{
	name: "alexliesenfeld", open: openAlexliesenfeld, passing: passingAlexliesenfeld,
	silent: []kind{live, ready},
}

func openAlexliesenfeld(s setup) service {
	var opts []alex.CheckerOption
	for _, name := range s.checked() {
		c := alex.Check{Name: name, Check: s.check, Timeout: s.timeout}
		if s.background {
			opts = append(opts, alex.WithPeriodicCheck(s.cache, 0, c))
		} else {
			opts = append(opts, alex.WithCheck(c))
		}
	}
	if s.cache != 0 {
		opts = append(opts, alex.WithCacheDuration(max(s.cache, 0)))
	}
	if s.kind != whole {
		opts = append(opts, alex.WithDisabledDetails())
	}
	checker := alex.NewChecker(opts...)
	return service{alex.NewHandler(checker), string(s.kind), checker.Stop}
}

// checked is which checks the endpoint needs, where each has its own.
func (s setup) checked() []string {
	if s.kind == live {
		return nil
	}
	return s.names
}

func passingAlexliesenfeld(_ kind, a answer) ([]string, bool) {
	var body struct {
		Status  string
		Details map[string]struct{ Status string }
	}
	check(json.Unmarshal([]byte(a.body), &body))
	var names []string
	for name, detail := range body.Details {
		if detail.Status == "up" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, body.Status == "up"
}

var hellofresh = contender{
	name: "hellofresh", open: openHellofresh, passing: passingHellofresh,
	silent: []kind{whole, live, ready}, uncached: true, unscheduled: true,
}

func openHellofresh(s setup) service {
	h := must(hello.New(hello.WithComponent(hello.Component{Name: "service", Version: "0.3.0"})))
	for _, name := range s.checked() {
		check(h.Register(hello.Config{Name: name, Check: s.check, Timeout: s.timeout}))
	}
	return service{h.Handler(), string(s.kind), nil}
}

func passingHellofresh(_ kind, a answer) ([]string, bool) {
	var body struct {
		Status   string
		Failures map[string]string
	}
	check(json.Unmarshal([]byte(a.body), &body))
	return nil, body.Status == "OK" && len(body.Failures) == 0
}

var sundheit = contender{
	name: "go-sundheit", open: openSundheit, passing: passingSundheit,
	silent: []kind{live},
}

func openSundheit(s setup) service {
	period := time.Second // it has no default
	switch {
	case s.cache > 0:
		period = s.cache
	case s.cache < 0 && s.timeout > 0:
		period = s.timeout
	}
	h := gosundheit.New()
	for _, name := range s.checked() {
		opts := []gosundheit.CheckOption{gosundheit.ExecutionPeriod(period)}
		if s.timeout > 0 {
			opts = append(opts, gosundheit.ExecutionTimeout(s.timeout))
		}
		check(h.RegisterCheck(&checks.CustomCheck{
			CheckName: name,
			CheckFunc: func(ctx context.Context) (any, error) { return nil, s.check(ctx) },
		}, opts...))
	}
	target := string(s.kind)
	if s.brief {
		target += "?type=" + sundheithttp.ReportTypeShort
	}
	return service{sundheithttp.HandleHealthJSON(h), target, h.DeregisterAll}
}

func passingSundheit(_ kind, a answer) ([]string, bool) {
	var body map[string]string
	check(json.Unmarshal([]byte(a.body), &body))
	maps.DeleteFunc(body, func(_, verdict string) bool { return verdict != "PASS" })
	return slices.Sorted(maps.Keys(body)), a.status == 200
}
