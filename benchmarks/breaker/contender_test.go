package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/bracework/bracework/breaker"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"
)

const (
	ours = "bracework"
	raw  = "gobreaker"

	minCalls = 10
	window   = time.Minute
	openFor  = time.Hour
)

var errDown = errors.New("down")

// circuit runs a call that succeeds or fails as fail says, and returns what the
// call returned, or else the breaker's refusal.
type circuit func(fail bool) error

// contender is one of the breakers compared.
type contender struct {
	name string
	// open returns a new circuit, that calls upstream.
	open func(upstream func(fail bool) error) circuit
	// refusal is the error of a call that is not made, if there is any.
	refusal error
	// free is how many allocations a call may have; negative: unknown.
	free, freeRefused int
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func contenders() []contender {
	return []contender{
		{name: "bare", free: 0, freeRefused: -1, open: func(upstream func(bool) error) circuit { return upstream }},
		{name: raw, free: -1, freeRefused: -1, refusal: gobreaker.ErrOpenState, open: withGobreaker},
		{name: "gobreaker-two-step", free: -1, freeRefused: -1, refusal: gobreaker.ErrOpenState, open: withTwoStep},
		{name: ours, refusal: breaker.ErrOpen, open: func(upstream func(bool) error) circuit { return withOurs(upstream, breaker.Config{}) }},
		{name: "bracework-timed", refusal: breaker.ErrOpen, open: func(upstream func(bool) error) circuit {
			return withOurs(upstream, breaker.Config{SlowCall: time.Minute})
		}},
		{name: "bracework-allow", free: 2, refusal: breaker.ErrOpen, open: withAllow},
		{name: "failsafe-go", free: -1, freeRefused: -1, refusal: circuitbreaker.ErrOpen, open: withFailsafe},
		{name: "failsafe-permit", free: -1, freeRefused: -1, refusal: circuitbreaker.ErrOpen, open: withPermit},
		{name: "hystrix-go", free: -1, freeRefused: -1, refusal: hystrix.ErrCircuitOpen, open: withHystrix},
	}
}

func rules() breaker.Config {
	return breaker.Config{Consecutive: -1, MinCalls: minCalls, Window: window, OpenFor: openFor}
}

func withOurs(upstream func(bool) error, cfg breaker.Config) circuit {
	slow := cfg.SlowCall
	cfg = rules()
	cfg.SlowCall = slow
	b, ctx := must(breaker.New("upstream", cfg)), context.Background()
	succeed := func(context.Context) error { return upstream(false) }
	failing := func(context.Context) error { return upstream(true) }
	return func(fail bool) error {
		call := succeed
		if fail {
			call = failing
		}
		return b.Do(ctx, call)
	}
}

func withAllow(upstream func(bool) error) circuit {
	b, ctx := must(breaker.New("upstream", rules())), context.Background()
	return func(fail bool) error {
		done, refused := b.Allow(ctx)
		if refused != nil {
			return refused
		}
		err := upstream(fail)
		if err != nil {
			done(breaker.Failure)
		} else {
			done(breaker.Success)
		}
		return err
	}
}

func gobreakerSettings() gobreaker.Settings {
	return gobreaker.Settings{
		Interval: window, BucketPeriod: window / 10, Timeout: openFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			total := c.TotalSuccesses + c.TotalFailures
			return total >= minCalls && float64(c.TotalFailures)/float64(total) >= 0.5
		},
	}
}

func withGobreaker(upstream func(bool) error) circuit {
	cb := gobreaker.NewCircuitBreaker[struct{}](gobreakerSettings())
	succeed := func() (struct{}, error) { return struct{}{}, upstream(false) }
	failing := func() (struct{}, error) { return struct{}{}, upstream(true) }
	return func(fail bool) error {
		call := succeed
		if fail {
			call = failing
		}
		_, err := cb.Execute(call)
		return err
	}
}

func withTwoStep(upstream func(bool) error) circuit {
	cb := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreakerSettings())
	return func(fail bool) error {
		done, refused := cb.Allow()
		if refused != nil {
			return refused
		}
		err := upstream(fail)
		done(err)
		return err
	}
}

func failsafeBreaker() circuitbreaker.CircuitBreaker[any] {
	return circuitbreaker.NewBuilder[any]().WithFailureRateThreshold(0.5, minCalls, window).WithDelay(openFor).Build()
}

func withFailsafe(upstream func(bool) error) circuit {
	executor := failsafe.With[any](failsafeBreaker())
	succeed := func() error { return upstream(false) }
	failing := func() error { return upstream(true) }
	return func(fail bool) error {
		call := succeed
		if fail {
			call = failing
		}
		return executor.Run(call)
	}
}

func withPermit(upstream func(bool) error) circuit {
	cb := failsafeBreaker()
	return func(fail bool) error {
		if !cb.TryAcquirePermit() {
			return circuitbreaker.ErrOpen
		}
		err := upstream(fail)
		if err != nil {
			cb.RecordFailure()
		} else {
			cb.RecordSuccess()
		}
		return err
	}
}

var commands atomic.Int64

// newCommand returns a name that has its own breaker.
func newCommand() string {
	name := fmt.Sprint("upstream", commands.Add(1))
	hystrix.ConfigureCommand(name, hystrix.CommandConfig{
		Timeout: 60_000, MaxConcurrentRequests: 10_000, RequestVolumeThreshold: minCalls,
		SleepWindow: int(openFor.Milliseconds()), ErrorPercentThreshold: 50,
	})
	return name
}

func withHystrix(upstream func(bool) error) circuit {
	name := newCommand()
	succeed := func() error { return upstream(false) }
	failing := func() error { return upstream(true) }
	return func(fail bool) error {
		call := succeed
		if fail {
			call = failing
		}
		return hystrix.Do(name, call, nil)
	}
}

// trip opens the circuit of c. Hystrix counts on other goroutines, so it takes a
// while.
func (c contender) trip(open circuit) {
	for range math.MaxInt16 {
		if errors.Is(open(true), c.refusal) {
			return
		}
		time.Sleep(time.Microsecond)
	}
	panic("the circuit does not open")
}
