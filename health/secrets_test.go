package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// secret is part of everything that nobody outside may see.
const secret = "hunter2"

// planted is a checker that fails over a secret.
type planted struct {
	checker health.Checker
	logged  bool // the raw error, which goes to the logger, may and does show it
}

const tinyDSN = "postgres://app:hunter2-password@db.test:5432/app?sslpassword=hunter2-query"

// secretURL has a secret in each place of a URL that can hold one.
func secretURL(scheme, addr string) string {
	return scheme + "://app:hunter2-password@" + addr + "/hooks/hunter2-path?token=hunter2-query#hunter2-fragment"
}

func plantedChecks(t *testing.T) map[string]planted {
	t.Helper()
	dsn := fmt.Errorf("cannot connect to %q", tinyDSN)
	dsnFails := func(context.Context) error { return dsn }
	cfg := health.HTTPConfig{Header: http.Header{"Authorization": {"Bearer hunter2-header"}, "X-Hunter": {"hunter2-header"}}}
	through := func(err error) health.HTTPConfig {
		cfg := cfg
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: err}
		})
		return cfg
	}
	site := func(h http.HandlerFunc) planted {
		addr := strings.TrimPrefix(web(t, h), "http://")
		return planted{health.HTTP(secretURL("http", addr), cfg), false}
	}
	root := newAuthority(t, nil, time.Now().Add(time.Hour))
	cert := shakesHands(root.issue(time.Now().Add(time.Hour)))
	named := root.trusted()
	named.ServerName = "hunter2.test"
	checks := map[string]planted{
		"query":          {health.SQLQuery(openDB(t, &fakeDB{connect: dsnFails}, 1), ""), true},
		"query.rows":     {health.SQLQuery(openDB(t, &fakeDB{rows: dsnFails}, 1), "SELECT 'hunter2-query'"), true},
		"query.locked":   {health.SQLQuery(openDB(t, &fakeDB{query: func(context.Context) error { return fmt.Errorf("%w: database is locked", dsn) }}, 1), ""), true},
		"write":          {health.SQLWrite(openDB(t, &fakeDB{affected: 1, commit: dsn}, 1), "w", "hunter2-query"), true},
		"dir":            {health.DirWritable("/nonexistent/hunter2-path"), true},
		"func":           {fails(dsn), true},
		"func.reason":    {fails(health.Reason("hunter2", dsn)), true},
		"func.degraded":  {fails(health.Degraded(dsn)), true},
		"func.url":       {fails(&url.Error{Op: "Get", URL: secretURL("https", "api.test"), Err: io.EOF}), true},
		"panic":          {health.CheckFunc(func(context.Context) error { panic(tinyDSN) }), true},
		"panic.error":    {health.CheckFunc(func(context.Context) error { panic(dsn) }), true},
		"any":            {health.Any(1, fails(dsn)), true},
		"any.degraded":   {health.Any(1, fails(health.Degraded(dsn))), true},
		"any.panic":      {health.Any(1, health.CheckFunc(func(context.Context) error { panic(tinyDSN) })), true},
		"tcp":            {health.TCP(refusing), false},
		"dns":            {health.DNSWith(nameserver{rcode: 3}.resolver(t), "db.test.", 1), false},
		"tls":            {health.TLSExpiry(serve(t, says("hunter2-answer\r\n")).addr(), time.Hour, nil), false},
		"tls.name":       {health.TLSExpiry(serve(t, cert).addr(), 0, named), true},
		"http.refused":   {health.HTTP(secretURL("http", refusing), cfg), false},
		"https.refused":  {health.HTTP(secretURL("https", refusing), cfg), false},
		"https.unknown":  {health.HTTP(secretURL("https", serve(t, cert).addr()), cfg), false},
		"https.plain":    {health.HTTP(secretURL("https", serve(t, says("HTTP/1.1 200 hunter2-answer\r\n\r\n")).addr()), cfg), false},
		"http.garbage":   {health.HTTP(secretURL("http", serve(t, says("GET /hooks/hunter2-path?token=hunter2-query\r\n\r\n")).addr()), cfg), false},
		"http.phrase":    {health.HTTP(secretURL("http", serve(t, says("HTTP/1.1 500 hunter2-answer\r\nContent-Length: 0\r\n\r\n")).addr()), cfg), false},
		"http.field":     {health.HTTP(secretURL("http", serve(t, says("HTTP/1.1 200 OK\r\nhunter2-answer\r\n\r\n")).addr()), cfg), false},
		"http.length":    {health.HTTP(secretURL("http", serve(t, says("HTTP/1.1 200 OK\r\nContent-Length: hunter2-answer\r\n\r\n")).addr()), cfg), false},
		"http.chunks":    {health.HTTP(secretURL("http", serve(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhunter2\r\n")).addr()), cfg), false},
		"http.hangs-up":  {health.HTTP(secretURL("http", serve(t, hangUp).addr()), cfg), false},
		"http.transport": {health.HTTP(secretURL("http", "api.test"), through(dsn)), false},
		"http.eof":       {health.HTTP(secretURL("http", "api.test"), through(io.EOF)), false},
		"http.cut":       site(breaksOff),
		"http.silent":    site(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"http.500": site(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "hunter2-answer", 500)
		}),
		"http.redirect": site(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login?next=hunter2-answer&"+r.URL.RawQuery, http.StatusFound)
		}),
		"http.redirect-nowhere": site(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://[hunter2-answer")
			w.WriteHeader(http.StatusFound)
		}),
	}
	var members []health.Checker
	for _, p := range checks {
		if !p.logged {
			members = append(members, p.checker)
		}
	}
	checks["any.all"] = planted{health.Any(1, members...), false}
	return checks
}

func TestNoSecretLeavesTheProcess(t *testing.T) {
	t.Parallel()
	out := &logs{}
	checks := plantedChecks(t)
	for _, details := range []func(*http.Request) bool{nil, func(*http.Request) bool { return true }} {
		h := open(t, health.Config{Budget: -1, Cache: time.Hour, MaxParallel: -1, Details: details, Logger: out.logger()})
		for name, p := range checks {
			require.NoError(t, h.Add(health.Check{Name: name, Checker: p.checker, Timeout: 500 * time.Millisecond, Groups: []string{"g"}}))
		}
		for _, path := range []string{
			"/health", "/health?verbose=1", "/health/ready", "/health/ready?verbose=1", "/health/live", "/health/live?verbose=1",
			"/health/startup", "/health/metrics", "/health/group/g", "/health/group/g?verbose=1", "/health/nothing", "/health/hunter",
		} {
			for _, accept := range []string{"*/*", "application/health+json"} {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Accept", accept)
				rec := httptest.NewRecorder()
				h.Handler().ServeHTTP(rec, r)
				assert.NotContains(t, rec.Body.String(), secret, "%s as %s", path, accept)
				assert.NotContains(t, fmt.Sprint(rec.Header()), secret, "%s as %s", path, accept)
			}
		}
		assert.NotContains(t, fmt.Sprintf("%+v", h.Snapshot()), secret)
		for _, res := range h.Evaluate(t.Context()).Checks {
			assert.NotEqual(t, health.OutcomeOK, res.Outcome, "%s does not show what it would tell", res.Name)
		}
		require.NoError(t, h.Close())
	}
}

// Every checker that knows a secret by its settings keeps it out of its error.
func TestNoSecretOfASettingIsLogged(t *testing.T) {
	t.Parallel()
	for name, p := range plantedChecks(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &logs{}
			h := open(t, health.Config{Budget: -1, Logger: out.logger()}, health.Check{Name: name, Checker: p.checker, Timeout: 500 * time.Millisecond})
			require.NotEqual(t, health.OutcomeOK, only(t, h.Evaluate(t.Context())).Outcome)
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "check="+name) }, 5*time.Second, time.Millisecond)
			assert.Equal(t, p.logged, strings.Contains(out.String(), secret), out.String())
			if p.logged {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := p.checker.Check(ctx)
			require.Error(t, err)
			for ; err != nil; err = errors.Unwrap(err) {
				assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret, "%T", err)
			}
		})
	}
}
