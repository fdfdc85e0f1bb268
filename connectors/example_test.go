package connectors_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bracework/bracework/connectors"
)

// greeter is a connector; see connectors/slack for a real one.
type greeter struct{}

func (greeter) Name() string { return "greeter" }

func (greeter) Test(context.Context) connectors.Result {
	return connectors.Result{Success: true, Message: "reachable"}
}

func (greeter) Execute(context.Context, connectors.Action) (connectors.Result, error) {
	fmt.Println("sent")
	return connectors.Result{Success: true, Message: "sent to Alex"}, nil
}

func (greeter) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	return connectors.Plan{Summary: "would send " + string(a.Config)}, nil
}

func Example() {
	registry, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			if actionType != "greet" {
				return nil, connectors.ErrUnknownAction
			}
			return greeter{}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	// http.Handle("/api/workflows/dry-run", registry.DryRunHandler()) serves the same.
	request := connectors.DryRunRequest{ActionType: "greet", ConfigJSON: `{"to":"Alex"}`}
	for _, request.Mode = range []connectors.Mode{connectors.ModePlan, connectors.ModeProbe, connectors.ModeSend} {
		result, err := registry.DryRun(context.Background(), request)
		fmt.Println(request.Mode, result.DryRun, result.Success, result.Message, err)
	}
	// Output:
	// plan true true would send {"to":"Alex"} <nil>
	// probe true true reachable <nil>
	// sent
	// send false true sent to Alex <nil>
}

// A POST whose end is unclear is repeated only if its receiver is declared to know
// idempotency keys; one that a receiver refuses and asks to send later is repeated
// anyway.
func ExampleClient_Call() {
	attempts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("attempt with", r.Header.Get("Idempotency-Key"))
		if attempts++; attempts == 1 {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	client, err := connectors.NewClient(connectors.ClientConfig{})
	if err != nil {
		panic(err)
	}
	defer client.Close()

	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, strings.NewReader("order"))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Idempotency-Key", "order-17")
	resp, err := client.Call(r, connectors.CallOptions{Idempotent: true})
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// attempt with order-17
	// attempt with order-17
	// 201 Created
}

func ExampleSecret() {
	s := connectors.NewSecret("https://hooks.slack.com/services/T000/B000/XXXX")
	fmt.Printf("%v %+v %q\n", s, struct{ URL connectors.Secret }{s}, fmt.Sprint("post to ", s))
	// Output: *** {URL:***} "post to ***"
}
