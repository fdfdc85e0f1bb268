package connectors_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bracework/bracework/breaker"
	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
	"github.com/bracework/bracework/template"
)

// A circuit breaker for each host sees every attempt. Pauses that a receiver asks
// for are kept by the connectors, for each webhook; the breaker would keep them for
// all webhooks of the host.
func ExampleClientConfig() {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()

	hosts, err := breaker.NewGroup(0, breaker.Config{})
	if err != nil {
		panic(err)
	}
	client, err := connectors.NewClient(connectors.ClientConfig{
		Wrap: func(next http.RoundTripper) http.RoundTripper {
			return breaker.Transport(next, hosts, breaker.TransportConfig{MaxRetryAfter: -1})
		},
	})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	for range 6 {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, strings.NewReader("{}"))
		if err != nil {
			panic(err)
		}
		resp, err := client.Do(r)
		if e, ok := errors.AsType[*connectors.Error](err); ok {
			fmt.Println(e.Kind, e.Unsent, e.RetryAfter > 0, errors.Is(err, breaker.ErrOpen))
			continue
		}
		_ = resp.Body.Close()
	}
	fmt.Println(calls, "calls")
	// Output:
	// open true true true
	// 5 calls
}

// A dry run for everybody: it plans and tests, and does not send.
func ExampleRegistry_DryRunHandler() {
	hook, err := slack.NewWebhook(connectors.NewSecret("https://hooks.slack.com/services/T000/B000/XXXX"), slack.Config{})
	if err != nil {
		panic(err)
	}
	registry, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			if actionType != "slack_message" {
				return nil, connectors.ErrUnknownAction
			}
			return hook, nil
		},
		Render: func(_ context.Context, config, payload []byte) ([]byte, error) {
			doc, err := template.CompileJSON(config)
			if err != nil {
				return nil, err
			}
			return doc.Append(nil, payload)
		},
		Modes: []connectors.Mode{connectors.ModePlan, connectors.ModeProbe},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/workflows/dry-run", registry.DryRunHandler())

	for _, mode := range []string{"plan", "send"} {
		r := httptest.NewRequest(http.MethodPost, "/api/workflows/dry-run?mode="+mode, strings.NewReader(
			`{"action_type":"slack_message","config_json":"{\"slack_message\":\"Hello {{name}}\"}","payload":{"name":"Alex"}}`))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.Contains(w.Body.String(), `would POST to hooks.slack.com/...: \"Hello Alex\"`))
	}
	// Output:
	// 200 true
	// 400 false
}

// What to tell one's own client after a failure. Behind the idempotency middleware
// the answer 504 has to be kept (idempotency.Config.StoreResponse), so that a retry
// with the same key does not send again.
func ExampleError() {
	status := func(err error) int {
		e, ok := errors.AsType[*connectors.Error](err)
		switch {
		case err == nil:
			return http.StatusOK
		case ok && e.Unclear():
			return http.StatusGatewayTimeout // perhaps done
		case ok && e.Retryable():
			return http.StatusServiceUnavailable // not done; later it may be
		default:
			return http.StatusBadGateway // not done
		}
	}
	fmt.Println(status(nil))
	fmt.Println(status(&connectors.Error{Kind: connectors.KindTimeout}))
	fmt.Println(status(&connectors.Error{Kind: connectors.KindTimeout, Unsent: true}))
	fmt.Println(status(&connectors.Error{Kind: connectors.KindNotFound, Status: http.StatusNotFound}))
	// Output:
	// 200
	// 504
	// 503
	// 502
}
