package breaker_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/bracework/bracework/breaker"
)

func succeed(context.Context) error { return nil }

func newBench(b *testing.B, cfg breaker.Config) *breaker.Breaker {
	b.Helper()
	br, err := breaker.New("bench", cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return br
}

func BenchmarkDoClosed(b *testing.B) {
	br := newBench(b, breaker.Config{})
	for b.Loop() {
		_ = br.Do(b.Context(), succeed)
	}
}

func BenchmarkDoClosedParallel(b *testing.B) {
	br := newBench(b, breaker.Config{})
	ctx := b.Context()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = br.Do(ctx, succeed)
		}
	})
}

func BenchmarkDoFailing(b *testing.B) {
	br := newBench(b, breaker.Config{Consecutive: -1, MinCalls: 1 << 60})
	failure := errors.New("down")
	for b.Loop() {
		_ = br.Do(b.Context(), func(context.Context) error { return failure })
	}
}

func BenchmarkDoOpen(b *testing.B) {
	br := newBench(b, breaker.Config{Consecutive: 1, OpenFor: time.Hour})
	_ = br.Do(b.Context(), func(context.Context) error { return errors.New("down") })
	for b.Loop() {
		_ = br.Do(b.Context(), succeed)
	}
}

func BenchmarkAllowClosed(b *testing.B) {
	br := newBench(b, breaker.Config{})
	for b.Loop() {
		done, _ := br.Allow(b.Context())
		done(breaker.Success)
	}
}

func BenchmarkTransport(b *testing.B) {
	group, err := breaker.NewGroup(0, breaker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	resp, body, room := answer(200), bodyFunc(ends), make([]byte, 1)
	rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
		resp.Body = body
		return resp, nil
	}), group, breaker.TransportConfig{})
	r := request(b.Context(), site)
	b.ReportAllocs()
	for b.Loop() {
		resp, _ := rt.RoundTrip(r)
		_, _ = resp.Body.Read(room)
		_ = resp.Body.Close()
	}
}

func BenchmarkGroupGetNew(b *testing.B) {
	group, err := breaker.NewGroup(0, breaker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		group.Get(strconv.Itoa(i))
	}
}

func BenchmarkGobreakerExecute(b *testing.B) {
	gb := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{Interval: time.Minute, BucketPeriod: 6 * time.Second})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = gb.Execute(func() (struct{}, error) { return struct{}{}, nil })
	}
}

func BenchmarkGobreakerExecuteParallel(b *testing.B) {
	gb := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{Interval: time.Minute, BucketPeriod: 6 * time.Second})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = gb.Execute(func() (struct{}, error) { return struct{}{}, nil })
		}
	})
}

func BenchmarkGobreakerTwoStep(b *testing.B) {
	gb := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{Interval: time.Minute, BucketPeriod: 6 * time.Second})
	b.ReportAllocs()
	for b.Loop() {
		done, _ := gb.Allow()
		done(nil)
	}
}
