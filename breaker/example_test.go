package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// The outcome of a message is known when the receiver acknowledges it, on
// another goroutine.
func ExampleBreaker_Allow() {
	b, err := breaker.New("broker", breaker.Config{})
	if err != nil {
		panic(err)
	}
	publish := func(acknowledged func(ok bool)) { acknowledged(true) }

	done, err := b.Allow(context.Background())
	if err != nil {
		fmt.Println("not sent:", err)
		return
	}
	publish(func(ok bool) {
		if ok {
			done(breaker.Success)
		} else {
			done(breaker.Failure)
		}
	})
	fmt.Println(b.Snapshot().Successes, "acknowledged")
	// Output: 1 acknowledged
}

// A refusal says when to come back.
func ExampleOpenError() {
	b, err := breaker.New("search", breaker.Config{Consecutive: 1, OpenFor: time.Minute})
	if err != nil {
		panic(err)
	}
	search := func(context.Context) error { return errors.New("timeout") }
	_ = b.Do(context.Background(), search)

	err = b.Do(context.Background(), search)
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		fmt.Println(open.Name, "is", open.State)
		fmt.Println("again within a minute and a fifth:", open.RetryAfter <= 72*time.Second)
	}
	// Output:
	// search is open
	// again within a minute and a fifth: true
}

// What the caller got wrong says nothing against the upstream.
func ExampleConfig_classify() {
	errInvalid := errors.New("card number invalid")
	b, err := breaker.New("payments", breaker.Config{
		Consecutive: 1,
		Classify: func(_ context.Context, err error) breaker.Outcome {
			if errors.Is(err, errInvalid) {
				return breaker.Success
			}
			return breaker.Failure
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(b.Do(context.Background(), func(context.Context) error { return errInvalid }))
	fmt.Println(b.State())
	// Output:
	// card number invalid
	// closed
}

// An upstream that answers, but too late to be of use.
func ExampleConfig_slowCalls() {
	b, err := breaker.New("quotes", breaker.Config{
		SlowCall: time.Millisecond, // half of at least two calls
		MinCalls: 2,
		OnChange: func(c breaker.Change) { fmt.Println(c.From, "to", c.To, "for", c.Reason) },
	})
	if err != nil {
		panic(err)
	}
	for range 2 {
		_ = b.Do(context.Background(), func(context.Context) error {
			time.Sleep(2 * time.Millisecond)
			return nil
		})
	}
	// Output: closed to open for slow-calls
}

// An operator takes an upstream out, for its maintenance.
func ExampleBreaker_ForceOpen() {
	b, err := breaker.New("warehouse", breaker.Config{})
	if err != nil {
		panic(err)
	}
	b.ForceOpen()
	fmt.Println(b.State(), b.Check(context.Background()) != nil)
	b.Auto() // the rules decide again
	fmt.Println(b.State(), b.Check(context.Background()) != nil)
	// Output:
	// forced-open true
	// closed false
}
