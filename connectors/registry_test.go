package connectors_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// fake is a connector that counts what it is asked to do.
type fake struct {
	client   *connectors.Client
	url      string // that Test calls
	executed *atomic.Int32
	tested   *atomic.Int32
	rendered *atomic.Int32
}

func newFake(t *testing.T, cfg connectors.ClientConfig) fake {
	t.Helper()
	return fake{client(t, cfg), "http://127.0.0.1:1", &atomic.Int32{}, &atomic.Int32{}, &atomic.Int32{}}
}

func (fake) Name() string { return "fake" }

func (f fake) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	f.executed.Add(1)
	switch {
	case bytes.Contains(a.Config, []byte("foreign")):
		return connectors.Result{Success: true}, errors.New(token)
	case bytes.Contains(a.Config, []byte("call")):
		start := time.Now()
		_, _, err := post(ctx, f.client, "http://h.test")
		return connectors.NewResult(start, "called", err), err
	}
	return connectors.NewResult(time.Now(), "did "+string(a.Config), nil), nil
}

func (f fake) Plan(ctx context.Context, a connectors.Action) (connectors.Plan, error) {
	switch {
	case bytes.Contains(a.Config, []byte("cheat")):
		_, _, err := post(ctx, f.client, "http://127.0.0.1:1")
		return connectors.Plan{}, err
	case bytes.Contains(a.Config, []byte("invalid")):
		return connectors.Plan{}, &connectors.Error{Kind: connectors.KindInvalid, Code: "no_text", Message: "there is no text"}
	case bytes.Contains(a.Config, []byte("foreign")):
		return connectors.Plan{}, errors.New(token)
	}
	return connectors.Plan{Method: http.MethodPost, URL: "https://h.test/...", Body: string(a.Config), Summary: "would do " + string(a.Config)}, nil
}

func (f fake) Test(ctx context.Context) connectors.Result {
	f.tested.Add(1)
	start := time.Now()
	_, _, err := post(ctx, f.client, f.url)
	return connectors.NewResult(start, "works", err)
}

// registry knows the action "fake", whose only placeholder is {{name}}.
func (f fake) registry(t *testing.T, modes ...connectors.Mode) *connectors.Registry {
	t.Helper()
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			switch actionType {
			case "fake":
				return f, nil
			case "not set up":
				return nil, &connectors.Error{Kind: connectors.KindAuth, Code: "no_credential", Message: "the connector is not set up"}
			case "broken":
				return nil, errors.New("database: " + token)
			case "nil":
				return nil, nil
			default:
				return nil, connectors.ErrUnknownAction
			}
		},
		Render: func(_ context.Context, config, payload []byte) ([]byte, error) {
			f.rendered.Add(1)
			if bytes.Contains(config, []byte("{{name}}")) && !bytes.Contains(payload, []byte("name")) {
				return nil, errors.New("missing in the data: name")
			}
			return bytes.ReplaceAll(config, []byte("{{name}}"), []byte("Alex")), nil
		},
		Paths: func(config []byte) ([]string, error) {
			if bytes.Contains(config, []byte("{{}}")) {
				return nil, errors.New("empty tag")
			}
			if bytes.Contains(config, []byte("{{name}}")) {
				return []string{"name", "order.id"}, nil
			}
			return nil, nil
		},
		Modes: modes,
	})
	require.NoError(t, err)
	return g
}

func TestExecuteTakesThePathOfTheDryRun(t *testing.T) {
	t.Parallel()
	f := newFake(t, connectors.ClientConfig{})
	g := f.registry(t)
	config, err := g.Render(t.Context(), []byte(`{"a":"{{name}}"}`), []byte(`{"name":1}`))
	require.NoError(t, err)
	r, err := g.Execute(t.Context(), connectors.Action{Type: "fake", Config: config})
	require.NoError(t, err)
	assert.True(t, r.Success)
	assert.False(t, r.DryRun)
	assert.Equal(t, `did {"a":"Alex"}`, r.Message)
	for actionType, want := range map[string]error{"nope": connectors.ErrUnknownAction, "nil": connectors.ErrUnknownAction} {
		_, err = g.Execute(t.Context(), connectors.Action{Type: actionType})
		require.ErrorIs(t, err, want)
	}
	assert.EqualValues(t, 1, f.executed.Load())
}

func TestRegistryWithoutTemplates(t *testing.T) {
	t.Parallel()
	_, err := connectors.NewRegistry(connectors.RegistryConfig{})
	require.ErrorContains(t, err, "connectors: RegistryConfig.Resolve is nil")

	f := newFake(t, connectors.ClientConfig{})
	resolve := func(context.Context, string) (connectors.Connector, error) { return f, nil }
	g, err := connectors.NewRegistry(connectors.RegistryConfig{Resolve: resolve})
	require.NoError(t, err)
	config, err := g.Render(t.Context(), []byte(`{}`), nil)
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(config))
	for _, payload := range []string{"", "{}"} {
		r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{"a":"{{name}}"}`, Payload: []byte(payload)})
		require.NoError(t, err)
		assert.Equal(t, `would do {"a":"{{name}}"}`, r.Message, "there are no placeholders")
	}

	g, err = connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: resolve,
		Render:  func(_ context.Context, config, _ []byte) ([]byte, error) { return config, nil },
	})
	require.NoError(t, err)
	r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{}`})
	require.NoError(t, err)
	assert.Equal(t, `would do {} (nothing was rendered: there is no payload)`, r.Message)
}

func TestListsOfPathsAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1<<20)
	f := newFake(t, connectors.ClientConfig{})
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return f, nil },
		Render:  func(context.Context, []byte, []byte) ([]byte, error) { return nil, errors.New("x" + long) },
		Paths:   func([]byte) ([]string, error) { return []string{long, long}, nil },
	})
	require.NoError(t, err)
	for _, payload := range []string{"", "{}"} {
		r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{}`, Payload: []byte(payload)})
		require.NoError(t, err)
		assert.Less(t, len(r.Message), 9<<10)
		assert.Contains(t, r.Message, "é...")
	}
}

// A dry run must not reach what a client has around its transport: a breaker
// would count it, a limiter would take a token.
func TestADryRunReachesNoTransport(t *testing.T) {
	t.Parallel()
	f := newFake(t, connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("the dry run reached the transport")
			return nil, errors.New("used")
		})
	}})
	r, err := f.registry(t).DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{"cheat":1}`})
	require.NoError(t, err)
	assert.False(t, r.Success)
	assert.Equal(t, "dry_run", r.Code)
	assert.Equal(t, "a dry run opens no connection", r.Message)
	assert.Zero(t, f.executed.Load())
}

func TestADryRunWithoutPayloadRendersNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t, connectors.ClientConfig{})
	for _, payload := range []string{"", "null", " null\n"} {
		r, err := f.registry(t).DryRun(t.Context(), connectors.DryRunRequest{ActionType: "fake", ConfigJSON: `{"a":"{{name}}"}`, Payload: []byte(payload)})
		require.NoError(t, err)
		assert.True(t, r.Success)
		assert.True(t, strings.HasSuffix(r.Message, "(nothing was rendered: a payload must have name, order.id)"), r.Message)
	}
	assert.Zero(t, f.rendered.Load())
}
