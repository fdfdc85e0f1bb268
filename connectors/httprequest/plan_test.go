package httprequest_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
)

// noSecret must not be asked: a plan needs no credential.
func noSecret(t *testing.T) func(context.Context, string, string) (connectors.Secret, error) {
	t.Helper()
	return func(context.Context, string, string) (connectors.Secret, error) {
		t.Error("a plan looked up a credential")
		return connectors.Secret{}, nil
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{Secret: noSecret(t)})
	plan, err := c.Plan(t.Context(), action(`{
		"url":"https://api.example.com:443/hooks/`+token+`?key=`+token+`",
		"headers":{"x-source":"shop","X-Api-Key":"`+token+`","Cookie":"`+token+`","X-Auth":"`+token+`"},
		"secret_headers":{"Authorization":"shop-api"},
		"body":{"price":1.10,"id":9007199254740993}}`))
	require.NoError(t, err)
	assert.Equal(t, connectors.Plan{
		Method: "POST", URL: "https://api.example.com:443/...",
		Header: http.Header{
			"X-Source": {"shop"}, "X-Api-Key": {"***"}, "Cookie": {"***"}, "X-Auth": {"***"}, "Authorization": {"***"},
			"Content-Type": {"application/json"}, "Idempotency-Key": {"(random)"},
		},
		Body:    `{"price":1.10,"id":9007199254740993}`,
		Summary: "would POST api.example.com:443/...: 36 bytes",
	}, plan)

	plan, err = c.Plan(connectors.WithIdempotencyKey(t.Context(), "k-1"), action(`{"url":"https://a.example","headers":{"Content-Type":"a/b"},"body":"x"}`))
	require.NoError(t, err)
	assert.Equal(t, http.Header{"Content-Type": {"a/b"}, "Idempotency-Key": {"k-1"}}, plan.Header)
	assert.Equal(t, "x", plan.Body)

	plan, err = c.Plan(t.Context(), action(`{"method":"GET","url":"https://a.example"}`))
	require.NoError(t, err)
	assert.Equal(t, connectors.Plan{Method: "GET", URL: "https://a.example/...", Header: http.Header{}, Summary: "would GET a.example/..."}, plan)
}

func TestPlanShowsThePathIfWanted(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{ShowPath: true})
	for url, want := range map[string]string{
		"https://a.example/users/4%2F2":       "https://a.example/users/4%2F2",
		"https://a.example/x?page=2&key=s&s&": "https://a.example/x?page=***&key=***&***",
		"https://a.example/x?&a=b=c":          "https://a.example/x?a=***",
		"https://a.example/x?s":               "https://a.example/x?***",
		"https://a.example/?":                 "https://a.example/...",
		"https://a.example/?a=1":              "https://a.example/?a=***",
	} {
		plan, err := c.Plan(t.Context(), action(`{"url":"%s"}`, url))
		require.NoError(t, err)
		assert.Equal(t, want, plan.URL)
		assert.Equal(t, "would POST "+want[len("https://"):], plan.Summary)
	}
}

func TestPlanWarns(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{Sign: func(*http.Request, []byte) error {
		t.Error("a plan was signed")
		return nil
	}})
	for config, want := range map[string][]string{
		`"url":"https://a.example/","body":{}`:             nil,
		`"url":"http://a.example/"`:                        {"the URL is not https: whoever is on the way can read and change the request"},
		`"url":"https://a.example/","header":{},"URL":"x"`: {`"URL" has no meaning in this action`, `"header" has no meaning in this action`},
		`"url":"https://a.example/","body":"{","headers":{"content-type":"application/json; charset=utf-8"}`: {"the body is not valid JSON, which its Content-Type promises"},
		`"url":"https://a.example/","body":"{}","headers":{"content-type":"application/json"}`:               nil,
		`"url":"https://a.example/","body":"{","headers":{"content-type":"application/problem+json"}`:        {"the body is not valid JSON, which its Content-Type promises"},
	} {
		plan, err := c.Plan(t.Context(), action(`{`+config+`}`))
		require.NoError(t, err)
		assert.Equal(t, append(want, "a signature is added when the request is sent"), plan.Warnings, config)
	}
}

// What depends on placeholders is not judged before it is known.
func TestPlanOfTemplates(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{Secret: noSecret(t)})
	const whole = "(the URL depends on the payload)"
	for config, want := range map[string]string{
		`{"url":"https://a.example/{{ id | default(\"a b\") }}?q={{q}}"}`: "https://a.example/...",
		`{"url":"https://a.example?q={{q}}"}`:                             "https://a.example/...",
		`{"url":"https://a.example:443/${id}"}`:                           "https://a.example:443/...",
		`{"url":"https://a.example/<%= id %>"}`:                           "https://a.example/...",
		`{"url":"https://{{host}}/x"}`:                                    whole,
		`{"url":"https://a.example{{tail}}"}`:                             whole,
		`{"url":"https://a.example:{{port}}/"}`:                           whole,
		`{"url":"https://10.0.0.1{{tail}}/"}`:                             whole,
		`{"url":"{{url}}"}`:                                               whole,
		`{"url":"{{scheme}}://a.example/"}`:                               whole,
		`{"url":"https://a.example/","method":"{{m}}"}`:                   "https://a.example/...",
		`{"url":"https://a.example/","headers":{"X":"{{a\tb}}"}}`:         "https://a.example/...",
		`{"url":"https://a.example/","headers":"{{headers}}"}`:            "https://a.example/...",
		`{"url":"https://a.example/","secret_headers":"{{headers}}"}`:     "https://a.example/...",
		`{"url":"https://a.example/","secret_headers":{"X":"{{name}}"}}`:  "https://a.example/...",
	} {
		a := action(config)
		a.Unrendered = true
		plan, err := c.Plan(t.Context(), a)
		require.NoError(t, err, config)
		assert.Equal(t, want, plan.URL, config)
	}
	for config, code := range map[string]string{
		`{"url":"https://10.0.0.1/{{x}}"}`:                            "unreachable",
		`{"url":"https://a.example:22/{{x}}"}`:                        "url_refused",
		`{"url":"ftp://a.example/{{x}}"}`:                             "invalid_url",
		`{"url":"https://u@a.example/{{x}}"}`:                         "invalid_url",
		`{"url":""}`:                                                  "no_url",
		`{"url":"https://a.example/ x"}`:                              "invalid_url",
		`{"url":"https://a.example/","method":"TRACE"}`:               "invalid_method",
		`{"url":"https://a.example/","headers":"x"}`:                  "invalid_config",
		`{"url":"https://a.example/","headers":{"Host":"{{x}}"}}`:     "reserved_header",
		`{"url":"https://a.example/","headers":{"X":"a\nb"}}`:         "invalid_header",
		`{"url":"http://a.example/{{x}}","secret_headers":{"X":"s"}}`: "secret_needs_https",
		`{"url":"https://a.example/","method":"GET","body":"{{x}}"}`:  "body_not_allowed",
	} {
		a := action(config)
		a.Unrendered = true
		_, err := c.Plan(t.Context(), a)
		assert.Equal(t, code, typed(t, err).Code, config)
	}

	a := action(`{"url":"https://a.example/","method":"{{m}}","body":"{{order}}"}`)
	a.Unrendered = true
	plan, err := c.Plan(t.Context(), a)
	require.NoError(t, err)
	assert.Equal(t, "{{m}}", plan.Method)
	assert.Equal(t, "{{order}}", plan.Body)
	assert.NotContains(t, plan.Header, "Content-Type", "it may become a document or a text")
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{})
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return c, nil },
		Render: func(_ context.Context, config, _ []byte) ([]byte, error) {
			return bytes.ReplaceAll(config, []byte(`"{{id}}"`), []byte("9007199254740993")), nil
		},
	})
	require.NoError(t, err)
	const config = `{"url":"https://a.example/","headers":{"X-Id":"{{id}}"},"body":{"id":"{{id}}"}}`
	r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "http_request", ConfigJSON: config, Payload: []byte(`{"id":1}`)})
	require.NoError(t, err)
	assert.True(t, r.Success)
	assert.Equal(t, "would POST a.example/...: 23 bytes", r.Message)
	assert.Equal(t, `{"id":9007199254740993}`, r.Plan.Body)
	assert.Equal(t, []string{"9007199254740993"}, r.Plan.Header["X-Id"])

	r, err = g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "http_request", ConfigJSON: config})
	require.NoError(t, err)
	assert.True(t, r.Success)
	assert.Contains(t, r.Plan.Body, "{{id}}")
}

// sender breaks its promise: its Plan sends.
type sender struct{ *httprequest.Connector }

func (s sender) Plan(ctx context.Context, a connectors.Action) (connectors.Plan, error) {
	_, err := s.Execute(ctx, a)
	return connectors.Plan{}, err
}

func TestADryRunOpensNoConnection(t *testing.T) {
	t.Parallel()
	rec := receive(t, nil)
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) {
			return sender{connector(t, httprequest.Config{})}, nil
		},
	})
	require.NoError(t, err)
	r, err := g.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "x", ConfigJSON: `{"url":"` + rec.URL + `"}`})
	require.NoError(t, err)
	assert.Equal(t, "dry_run", r.Code)
	assert.Empty(t, rec.requests())
}
