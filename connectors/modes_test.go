package connectors_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// ask posts to the handler of a dry run.
func ask(t *testing.T, g *connectors.Registry, query, body string) (*httptest.ResponseRecorder, connectors.Result) {
	t.Helper()
	rec := httptest.NewRecorder()
	g.DryRunHandler().ServeHTTP(rec, httptest.NewRequest("POST", "/"+query, strings.NewReader(body)))
	assert.NotContains(t, rec.Body.String(), token)
	var r connectors.Result
	if rec.Code == http.StatusOK {
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &r))
		assert.False(t, r.Timestamp.IsZero())
		assert.Equal(t, r.DryRun, rec.Header().Get("X-Dry-Run") == "true")
	}
	return rec, r
}

// A probe is the connector's test: one call, past what is wrapped around the
// client, whatever the configuration says.
func TestProbe(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	var answer atomic.Int32
	answer.Store(200)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(int(answer.Load()))
	}))
	t.Cleanup(srv.Close)
	f := newFake(t, connectors.ClientConfig{Wrap: instead(func(*http.Request) (*http.Response, error) {
		t.Error("the probe reached the wrapper")
		return nil, errors.New("used")
	})})
	f.url = srv.URL
	for query, body := range map[string]string{
		"?mode=probe":   `{"action_type":"fake","config_json":"{}"}`,
		"":              `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}","mode":"probe"}`,
		"?mode=probe&x": `{"action_type":"fake","config_json":"{\"invalid\":1}","payload":{},"mode":"probe"}`,
	} {
		rec, r := ask(t, f.registry(t), query, body)
		assert.Equal(t, 200, rec.Code)
		assert.Equal(t, "works", r.Message)
		assert.True(t, r.Success)
		assert.True(t, r.DryRun)
		assert.Nil(t, r.Plan)
		assert.Empty(t, r.Code)
		assert.Positive(t, r.Duration)
	}
	assert.EqualValues(t, 3, f.tested.Load())
	assert.EqualValues(t, 3, calls.Load())

	answer.Store(503)
	_, _ = ask(t, f.registry(t), "?mode=probe", `{"action_type":"fake","config_json":"{}"}`)
	assert.EqualValues(t, 4, calls.Load(), "once, though the answer asks for more")

	f.url = nobody(t)
	start := time.Now()
	rec, r := ask(t, f.registry(t), "?mode=probe", `{"action_type":"fake","config_json":"{}"}`)
	assert.Less(t, time.Since(start), 200*time.Millisecond, "once, too")
	assert.Equal(t, 200, rec.Code)
	assert.False(t, r.Success)
	assert.True(t, r.DryRun)
	assert.Equal(t, "network", r.Code)
	assert.Equal(t, "connection refused", r.Message)

	_, r = ask(t, f.registry(t), "?mode=probe", `{"action_type":"not set up","config_json":"{}"}`)
	assert.Equal(t, "no_credential", r.Code)
	rec, _ = ask(t, f.registry(t), "?mode=probe", `{"action_type":"nope","config_json":"{}"}`)
	assert.Contains(t, rec.Body.String(), "#action-type-unknown")
	rec, _ = ask(t, f.registry(t), "?mode=probe", `{"action_type":"fake","config_json":"[]"}`)
	assert.Contains(t, rec.Body.String(), "#dry-run-invalid")
	assert.Zero(t, f.rendered.Load())
	assert.Zero(t, f.executed.Load())
}

// A probe takes nothing from the retry budget: calls after many probes have all
// of it.
func TestProbesTakeNoRepetition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []roundTripper{unsent}}
		c := client(t, connectors.ClientConfig{Wrap: s.wrap})
		for range 5 {
			ctx, cancel := context.WithCancel(connectors.ProbeContext(t.Context()))
			cancel()
			_, err := c.Do(request(t, ctx, "GET", nil))
			assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
		}
		assert.Zero(t, s.attempts)
		_, err := c.Do(request(t, t.Context(), "GET", nil))
		require.Error(t, err)
		assert.Equal(t, 3, s.attempts)
	})
}

func TestSend(t *testing.T) {
	t.Parallel()
	const tagged = `"config_json":"{\"a\":\"<{{name}}>\"}"`
	tests := []struct {
		name, body string
		want, code string
		executed   int32
	}{
		{"no placeholders", `{"action_type":"fake","config_json":"{\"a\":1}"}`, `did {"a":1}`, "", 1},
		{"payload", `{"action_type":"fake",` + tagged + `,"payload":{"name":1}}`, `did {"a":"<Alex>"}`, "", 1},
		{"payload is missing", `{"action_type":"fake",` + tagged + `}`, "a payload must have name, order.id", "payload_missing", 0},
		{"payload is null", `{"action_type":"fake",` + tagged + `,"payload":null}`, "a payload must have name, order.id", "payload_missing", 0},
		{"payload lacks a path", `{"action_type":"fake",` + tagged + `,"payload":{}}`, "missing in the data: name", "render_failed", 0},
		{"template is invalid", `{"action_type":"fake","config_json":"{\"a\":\"{{}}\"}"}`, "empty tag", "template_invalid", 0},
		{"connector fails", `{"action_type":"fake","config_json":"{\"foreign\":1}"}`, "the call failed", "failed", 1},
		{"connector is not set up", `{"action_type":"not set up","config_json":"{}"}`, "the connector is not set up", "no_credential", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, connectors.ClientConfig{})
			rec, r := ask(t, f.registry(t), "?mode=send", tt.body)
			assert.Equal(t, 200, rec.Code)
			assert.Equal(t, tt.want, r.Message)
			assert.Equal(t, tt.code, r.Code)
			assert.Equal(t, tt.code == "", r.Success)
			assert.False(t, r.DryRun)
			assert.NotContains(t, rec.Header(), "X-Dry-Run")
			assert.NotContains(t, rec.Body.String(), "dry_run")
			assert.Equal(t, tt.executed, f.executed.Load())
		})
	}
}

// Sending goes the way of any execution, through what is wrapped around a client.
func TestSendUsesTheWrapper(t *testing.T) {
	t.Parallel()
	s := &script{steps: []roundTripper{says200}}
	_, r := ask(t, newFake(t, connectors.ClientConfig{Wrap: s.wrap}).registry(t), "?mode=send", `{"action_type":"fake","config_json":"{\"call\":1}"}`)
	assert.True(t, r.Success, r.Message)
	assert.Equal(t, 1, s.attempts)
}

func TestSendWithoutPathsNeedsAPayload(t *testing.T) {
	t.Parallel()
	f := newFake(t, connectors.ClientConfig{})
	resolve := func(context.Context, string) (connectors.Connector, error) { return f, nil }
	render := func(context.Context, []byte, []byte) ([]byte, error) { return []byte(`{"a":2}`), nil }
	for want, cfg := range map[string]connectors.RegistryConfig{
		"a payload is needed to render the configuration": {Resolve: resolve, Render: render},
		`did {"a":1}`: {Resolve: resolve},
	} {
		g, err := connectors.NewRegistry(cfg)
		require.NoError(t, err)
		r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{"a":1}`, Mode: connectors.ModeSend})
		require.NoError(t, err)
		assert.Equal(t, want, r.Message)
	}
}

func TestModesThatAreNotOffered(t *testing.T) {
	t.Parallel()
	all := []connectors.Mode{connectors.ModePlan, connectors.ModeProbe, connectors.ModeSend}
	for _, tt := range []struct{ offered []connectors.Mode }{
		{nil}, {all[:1]}, {all[:2]}, {all[1:]},
	} {
		f := newFake(t, connectors.ClientConfig{})
		f.url = "ftp://h.test"
		g := f.registry(t, tt.offered...)
		for i, mode := range all {
			offered := tt.offered == nil || slices.Contains(tt.offered, mode)
			rec, _ := ask(t, g, "?mode="+string(mode), `{"action_type":"fake","config_json":"{}"}`)
			assert.Equal(t, offered, rec.Code == 200)
			assert.Equal(t, !offered, strings.Contains(rec.Body.String(), "#dry-run-mode-unsupported"))
			_, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: "{}", Mode: mode})
			if offered {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, connectors.ErrDryRunMode)
			}
			if i == 0 {
				rec, _ = ask(t, g, "", `{"action_type":"fake","config_json":"{}"}`)
				assert.Equal(t, offered, rec.Code == 200, "it is the default")
			}
		}
		if !slices.Contains(tt.offered, connectors.ModeSend) && tt.offered != nil {
			assert.Zero(t, f.executed.Load())
		}
	}
	_, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return nil, nil },
		Modes:   []connectors.Mode{"plan", "try"},
	})
	require.EqualError(t, err, `connectors: RegistryConfig.Modes has the mode "try", which there is not`)
}

// lazy leaves out what a Result can do without.
type lazy struct{ fake }

func (lazy) Test(context.Context) connectors.Result {
	time.Sleep(time.Second)
	return connectors.Result{Success: true, Message: "fine"}
}

func (lazy) Execute(context.Context, connectors.Action) (connectors.Result, error) {
	time.Sleep(time.Second)
	return connectors.Result{Success: true, Message: "done"}, nil
}

func TestTimesThatAConnectorLeavesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := connectors.NewRegistry(connectors.RegistryConfig{
			Resolve: func(context.Context, string) (connectors.Connector, error) { return lazy{}, nil },
		})
		require.NoError(t, err)
		for _, mode := range []connectors.Mode{connectors.ModeProbe, connectors.ModeSend} {
			r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "x", ConfigJSON: "{}", Mode: mode})
			require.NoError(t, err)
			assert.Equal(t, "1s", r.Duration.String())
			assert.Equal(t, time.Now().UTC(), r.Timestamp)
		}
	})
}

// The form of another site sends nothing.
func TestSendNeedsJSON(t *testing.T) {
	t.Parallel()
	const body = `{"action_type":"fake","config_json":"{}","mode":"send"}`
	for _, tt := range []struct {
		types []string
		body  string
		want  int
	}{
		{nil, body, 200},
		{[]string{"application/json"}, body, 200},
		{[]string{"Application/JSON; charset=utf-8"}, body, 200},
		{[]string{"text/plain"}, body, 415},
		{[]string{"text/plain; application/json"}, body, 415},
		{[]string{"application/x-www-form-urlencoded"}, body, 415},
		{[]string{"application/json; charset"}, body, 415},
		{[]string{""}, body, 415},
		{[]string{"application/json", "text/plain"}, body, 415},
		{[]string{"application/x-www-form-urlencoded"}, strings.Replace(body, "send", "plan", 1), 200}, // as curl -d says
	} {
		f := newFake(t, connectors.ClientConfig{})
		r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
		r.Header["Content-Type"] = tt.types
		rec := httptest.NewRecorder()
		f.registry(t).DryRunHandler().ServeHTTP(rec, r)
		assert.Equal(t, tt.want, rec.Code, tt.types)
		assert.Equal(t, tt.want == 200 && tt.body == body, f.executed.Load() == 1, tt.types)
		if tt.want == 415 {
			assert.Contains(t, rec.Body.String(), "#dry-run-media-type-unsupported")
		}
	}
}
