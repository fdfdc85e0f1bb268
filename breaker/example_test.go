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
	charge := func(context.Context) (string, error) {
		return "", errors.New("connection refused")
	}
	for range 3 {
		_, err := breaker.Call(context.Background(), b, charge)
		if errors.Is(err, breaker.ErrOpen) {
			fmt.Println("not called:", b.State())
			continue
		}
		fmt.Println(err)
	}
	// Output:
	// connection refused
	// connection refused
	// not called: open
}
