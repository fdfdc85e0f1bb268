package connectors_test

import (
	"context"
	"fmt"

	"github.com/bracework/bracework/connectors"
)

// greeter is a connector; see connectors/slack for a real one.
type greeter struct{}

func (greeter) Name() string                           { return "greeter" }
func (greeter) Test(context.Context) connectors.Result { return connectors.Result{Success: true} }

func (greeter) Execute(context.Context, connectors.Action) (connectors.Result, error) {
	fmt.Println("sent")
	return connectors.Result{Success: true}, nil
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
	result, err := registry.DryRun(context.Background(), connectors.DryRunRequest{ActionType: "greet", ConfigJSON: `{"to":"Alex"}`})
	fmt.Println(result.Success, result.Message, err)
	// Output: true would send {"to":"Alex"} <nil>
}

func ExampleSecret() {
	s := connectors.NewSecret("https://hooks.slack.com/services/T000/B000/XXXX")
	fmt.Printf("%v %+v %q\n", s, struct{ URL connectors.Secret }{s}, fmt.Sprint("post to ", s))
	// Output: *** {URL:***} "post to ***"
}
