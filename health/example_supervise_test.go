package health_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bracework/bracework/health"
)

func ExampleSupervise() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	worker, ended := health.Supervise(ctx, func(ctx context.Context) error {
		// Here it works until ctx ends.
		return errors.New("queue: connection lost")
	})
	checks, err := health.New(health.Config{}, health.Check{Name: "worker", Checker: worker, ForLive: true})
	if err != nil {
		panic(err)
	}

	if err := <-ended; err != nil {
		fmt.Println("log:", err)
	}
	result := checks.Evaluate(context.Background()).Checks[0]
	fmt.Println(result.Outcome, result.Reason)
	// Output:
	// log: queue: connection lost
	// failed exited
}
