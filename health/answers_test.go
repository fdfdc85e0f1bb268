package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func ask(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func anyone(*http.Request) bool { return true }

func TestDetails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := health.CheckFunc(func(context.Context) error {
			time.Sleep(12400 * time.Microsecond)
			return health.Reason("refused", errDown)
		})
		h := open(t, health.Config{Details: anyone},
			health.Check{Name: "database", Checker: slow},
			health.Check{Name: "mail", Checker: fails(health.Degraded(errDown)), Optional: true},
			health.Check{Name: "queue", Checker: health.CheckFunc(ok), Every: time.Minute, InitialDelay: time.Minute})
		require.NoError(t, h.Start(t.Context()))
		rec := ask(h.Handler(), "/health?verbose")
		assert.Equal(t, 503, rec.Code)
		assertBody(t, `{"status":"unhealthy","version":"0.3.0","uptime":"0s","timestamp":"2000-01-01T00:00:00Z",`+
			`"checks":{"database":"failed","mail":"degraded","queue":"unknown"},"details":{`+
			`"database":{"status":"failed","critical":true,"reason":"refused","latency_ms":12.4,"checked_at":"2000-01-01T00:00:00.012Z","since":"2000-01-01T00:00:00.012Z","consecutive_failures":1,"runs":"on_demand"},`+
			`"mail":{"status":"degraded","critical":false,"reason":"other","latency_ms":0,"checked_at":"2000-01-01T00:00:00Z","since":"2000-01-01T00:00:00Z","last_ok":"2000-01-01T00:00:00Z","consecutive_failures":0,"runs":"on_demand"},`+
			`"queue":{"status":"unknown","critical":true,"latency_ms":0,"consecutive_failures":0,"runs":"background"}}}`, rec)
		require.NoError(t, h.Close())
	})
}

func TestWhoSeesDetails(t *testing.T) {
	t.Parallel()
	authorised := func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer s3cret" }
	for _, tc := range []struct {
		name    string
		details func(*http.Request) bool
		query   string
		header  []string
		seen    bool
	}{
		{"nobody by default", nil, "?verbose", nil, false},
		{"not asked for", anyone, "", nil, false},
		{"verbose", anyone, "?verbose", nil, true},
		{"empty", anyone, "?verbose=", nil, true},
		{"1", anyone, "?verbose=1", nil, true},
		{"true", anyone, "?x=y&verbose=true", nil, true},
		{"0", anyone, "?verbose=0", nil, false},
		{"false", anyone, "?verbose=false", nil, false},
		{"something else", anyone, "?verbose=maybe", nil, false},
		{"the first value counts", anyone, "?verbose=0&verbose=1", nil, false},
		{"another case", anyone, "?Verbose=1", nil, false},
		{"malformed query", anyone, "?verbose=%zz", nil, false},
		{"malformed elsewhere", anyone, "?a=%zz&verbose=1", nil, true},
		{"refused", authorised, "?verbose", nil, false},
		{"allowed", authorised, "?verbose", []string{"Authorization", "Bearer s3cret"}, true},
		{"authoriser panics", func(*http.Request) bool { panic("s3cret") }, "?verbose", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, health.Config{Details: tc.details}, health.Check{Name: "db", Checker: fails(errDown), Groups: []string{"g"}})
			for _, path := range []string{"/health", "/health/group/g"} {
				rec := ask(h.Handler(), path+tc.query, tc.header...)
				assert.Equal(t, 503, rec.Code, "the status is everyone's")
				assert.Equal(t, tc.seen, strings.Contains(rec.Body.String(), `"details":{"db":{"status":"failed"`), rec.Body.String())
				assert.NotContains(t, rec.Body.String(), "s3cret")
				assert.NotContains(t, rec.Body.String(), errDown.Error()+`"`)
			}
			for _, path := range []string{"/health/live", "/health/ready", "/health/startup"} {
				assert.Equal(t, get(h.Handler(), path).Body.String(), ask(h.Handler(), path+tc.query, tc.header...).Body.String(), path)
			}
		})
	}
}

func TestHealthJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{Details: func(r *http.Request) bool { return r.Header.Get("X-Ops") != "" }, StatusDegraded: 429},
			health.Check{Name: "database", Checker: c}, health.Check{Name: "mail", Checker: health.CheckFunc(ok), Optional: true})
		time.Sleep(90 * time.Second)
		const draft = "application/health+json"
		for _, tc := range []struct {
			name   string
			err    error
			header []string
			code   int
			body   string
		}{
			{"pass", nil, nil, 200, `{"status":"pass","version":"0.3.0","checks":{` +
				`"database:responseTime":[{"componentId":"database","status":"pass"}],` +
				`"mail:responseTime":[{"componentId":"mail","status":"pass"}],` +
				`"uptime":[{"componentType":"system","observedValue":90,"observedUnit":"s","status":"pass","time":"2000-01-01T00:01:30Z"}]}}`},
			{"warn is 200 by the draft", health.Degraded(errDown), nil, 200, `{"status":"warn","version":"0.3.0","checks":{` +
				`"database:responseTime":[{"componentId":"database","status":"warn"}],` +
				`"mail:responseTime":[{"componentId":"mail","status":"pass"}],` +
				`"uptime":[{"componentType":"system","observedValue":91,"observedUnit":"s","status":"pass","time":"2000-01-01T00:01:31Z"}]}}`},
			{"fail, detailed", health.Reason("locked", errDown), []string{"X-Ops", "1"}, 503, `{"status":"fail","version":"0.3.0","checks":{` +
				`"database:responseTime":[{"componentId":"database","observedValue":0,"observedUnit":"ms","status":"fail","time":"2000-01-01T00:01:32Z","output":"locked"}],` +
				`"mail:responseTime":[{"componentId":"mail","observedValue":0,"observedUnit":"ms","status":"pass","time":"2000-01-01T00:01:32Z"}],` +
				`"uptime":[{"componentType":"system","observedValue":92,"observedUnit":"s","status":"pass","time":"2000-01-01T00:01:32Z"}]}}`},
		} {
			c.set(tc.err)
			rec := ask(h.Handler(), "/health", append([]string{"Accept", draft}, tc.header...)...)
			assert.Equal(t, tc.code, rec.Code, tc.name)
			assertBody(t, tc.body, rec)
			assert.Equal(t, draft, rec.Header().Get("Content-Type"))
			assert.Equal(t, "Accept", rec.Header().Get("Vary"))
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			time.Sleep(time.Second)
		}
	})
}

func TestAccept(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{})
	const plain, draft = "application/json", "application/health+json"
	for accept, want := range map[string]string{
		"":                             plain,
		"*/*":                          plain,
		"application/*":                plain,
		"application/json":             plain,
		"text/html, */*;q=0.8":         plain,
		draft:                          draft,
		"Application/Health+JSON":      draft,
		"application/health+json, */*": draft,
		"application/health+json,application/json":                   draft,
		"application/health+json; charset=utf-8":                     draft,
		" application/health+json ;q=1.000":                          draft,
		"application/health+json;q=0":                                plain,
		"application/health+json;q=0.000":                            plain,
		"application/health+json;q=0.5, application/json":            plain,
		"application/json;q=0.5, application/health+json;q=.6":       draft,
		"application/health+json;q=0.5, */*":                         plain,
		"application/health+json;q=0.5, application/json;q=0.4, */*": draft,
		"application/health+json;q=2":                                plain,
		"application/health+json;q=x":                                plain,
		"application/health+json;q=":                                 plain,
		`text/plain;a=",application/health+json,"`:                   plain,
		`text/plain;a="\",", application/health+json`:                draft,
		"application/health+jsonx":                                   plain,
		",,;;,":                                                      plain,
	} {
		rec := ask(h.Handler(), "/health", "Accept", accept)
		assert.Equal(t, want, rec.Header().Get("Content-Type"), accept)
		assert.Equal(t, want == draft, rec.Header().Get("Vary") == "Accept", accept)
	}
	rec := ask(h.Handler(), "/health", "Accept", "text/html", "Accept", draft)
	assert.Equal(t, draft, rec.Header().Get("Content-Type"), "several fields are one list")
	for _, path := range []string{"/health/live", "/health/ready", "/health/startup"} {
		assert.Equal(t, plain, ask(h.Handler(), path, "Accept", draft).Header().Get("Content-Type"), path)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("application/health+json;q=0.5, */*", "verbose=1")
	f.Add(`a;b="\",;q`, "verbose=%zz&verbose")
	f.Add("application/health+json;q=1.0000", "&=&verbose=T")
	h, err := health.New(health.Config{Version: "1", Details: anyone}, health.Check{Name: "db", Checker: fails(errors.New("s3cret"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, accept, query string) {
		r := httptest.NewRequest(http.MethodGet, "/health", nil)
		r.Header.Set("Accept", accept)
		r.URL.RawQuery = query
		rec := httptest.NewRecorder()
		h.Handler().ServeHTTP(rec, r)
		assert.Equal(t, 503, rec.Code)
		assert.True(t, json.Valid(rec.Body.Bytes()), rec.Body)
		assert.NotContains(t, rec.Body.String(), "s3cret")
		if rec.Header().Get("Content-Type") == "application/health+json" {
			assert.Contains(t, strings.ToLower(accept), "application/health+json")
			return
		}
		on := false
		if values := r.URL.Query()["verbose"]; len(values) > 0 {
			on, _ = strconv.ParseBool(values[0])
			on = on || values[0] == ""
		}
		assert.Equal(t, on, strings.Contains(rec.Body.String(), `"details":`))
	})
}

func TestStatusDegraded(t *testing.T) {
	t.Parallel()
	limited := health.Check{Name: "mail", Checker: fails(errDown), Optional: true}
	for given, want := range map[int]int{0: 200, 200: 200, 207: 207, 299: 299, 429: 429, 503: 503} {
		h := open(t, health.Config{StatusDegraded: given}, limited)
		assert.Equal(t, want, get(h.Handler(), "/health").Code)
		assert.Equal(t, 200, get(h.Handler(), "/health/ready").Code)
	}
	for _, code := range []int{-1, 1, 100, 199, 204, 205, 300, 302, 399, 600} {
		_, err := health.New(health.Config{StatusDegraded: code})
		require.Error(t, err, code)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{},
			health.Check{Name: "a", Checker: health.CheckFunc(ok), Groups: []string{"x", "y"}},
			health.Check{Name: "b", Checker: fails(errDown), Groups: []string{"y"}},
			health.Check{Name: "c", Checker: c})
		const head = `"version":"0.3.0","uptime":"0s","timestamp":"2000-01-01T00:00:00Z","checks":`
		rec := get(h.Handler(), "/health/group/x")
		assert.Equal(t, 200, rec.Code)
		assertBody(t, `{"status":"healthy",`+head+`{"a":"ok"}}`, rec)
		rec = get(h.Handler(), "/health/group/y")
		assert.Equal(t, 503, rec.Code)
		assertBody(t, `{"status":"unhealthy",`+head+`{"a":"ok","b":"failed"}}`, rec)
		assert.Zero(t, c.count(), "only the group runs")
		for _, path := range []string{"/health/group/z", "/health/group/", "/health/group", "/health/group/x/", "/health/group/a"} {
			rec = get(h.Handler(), path)
			assert.Equal(t, 404, rec.Code, path)
			assert.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		}
		assert.True(t, h.Remove("b"))
		assert.Equal(t, 200, get(h.Handler(), "/health/group/y").Code)
		assert.True(t, h.Remove("a"))
		assert.Equal(t, 404, get(h.Handler(), "/health/group/y").Code)
		require.NoError(t, h.Add(health.Check{Name: "d", Checker: health.CheckFunc(ok), Groups: []string{"y"}}))
		assert.Equal(t, 200, get(h.Handler(), "/health/group/y").Code)
		require.NoError(t, h.Drain(t.Context(), 0))
		assert.Equal(t, 503, get(h.Handler(), "/health/group/y").Code)
	})
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{},
			health.Check{Name: "db", Checker: fails(errDown)},
			health.Check{Name: "worker", Checker: c, ForLive: true},
			health.Check{Name: "later", Checker: health.CheckFunc(ok), ForLive: true, Every: time.Minute, InitialDelay: time.Hour})
		require.NoError(t, h.Start(t.Context()))
		rec := get(h.Handler(), "/health/live")
		assert.Equal(t, 200, rec.Code, "unknown is no reason to kill a process")
		assertBody(t, `{"status":"alive"}`, rec)
		assert.False(t, h.Snapshot().Dead)

		c.set(errDown)
		time.Sleep(time.Second)
		rec = get(h.Handler(), "/health/live")
		assert.Equal(t, 503, rec.Code)
		assertBody(t, `{"status":"dead"}`, rec)
		assert.Equal(t, 503, get(h.Live(), "/livez").Code)
		assert.True(t, h.Snapshot().Dead)

		require.NoError(t, h.Drain(t.Context(), 0))
		assert.Equal(t, 200, get(h.Handler(), "/health/live").Code, "it is about to end anyway")
		assert.False(t, h.Snapshot().Dead)
		require.NoError(t, h.Close())
	})
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.CheckFunc(ok)})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handler := h.Middleware(mux)
	for path, want := range map[string]int{
		"/health": 200, "/health/live": 200, "/health/ready": 200, "/health/startup": 200, "/health/metrics": 200,
		"/health/": 404, "/health/x": 404, "/healthy": 418, "/": 418, "/a/health": 418,
	} {
		assert.Equal(t, want, get(handler, path).Code, path)
	}
}

func TestAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g}, health.Check{Name: "worker", Checker: fails(errDown), ForLive: true})
		begin := time.Now()
		assert.False(t, h.Alive(t.Context()))
		assert.Zero(t, time.Since(begin), "no other check is waited for")
		assert.Zero(t, g.runs.Load())
		require.NoError(t, h.Drain(t.Context(), 0))
		assert.True(t, h.Alive(t.Context()))
	})
}
