package breaker_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bracework/bracework/breaker"
)

func Example() {
	b, err := breaker.New("payments", breaker.Config{Consecutive: 2})
	if err != nil {
		panic(err)
	}
	call := func(context.Context) error { return errors.New("connection refused") }
	for range 3 {
		err := b.Do(context.Background(), call)
		if open, ok := errors.AsType[*breaker.OpenError](err); ok {
			fmt.Println("refused,", open.State, open.RetryAfter > 0)
			continue
		}
		fmt.Println(err)
	}
	// Output:
	// connection refused
	// connection refused
	// refused, open true
}
