package healthgrpc_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	_ "google.golang.org/grpc/health" // has the client look after the health of its connection
	pb "google.golang.org/grpc/health/grpc_health_v1"

	healthgrpc "github.com/bracework/bracework/health/grpc"
)

// dependency is a check whose result the test sets.
type dependency struct {
	mu       sync.Mutex
	err      error
	hangs    bool
	attempts int
}

func (d *dependency) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *dependency) hang(hangs bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangs = hangs
}

func (d *dependency) runs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attempts
}

func (d *dependency) Check(ctx context.Context) error {
	d.mu.Lock()
	d.attempts++
	err, hangs := d.err, d.hangs
	d.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func assertSeen(t *testing.T, w *watch, want ...pb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	synctest.Wait()
	got, code := w.seen()
	assert.Equal(t, want, got)
	assert.Equal(t, codes.OK, code, "open")
}

func assertEnded(t *testing.T, w *watch, code codes.Code, want ...pb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	synctest.Wait()
	got, end := w.seen()
	assert.Equal(t, want, got)
	assert.Equal(t, code, end)
}

func TestWatchTellsChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		s := serve(t, src, healthgrpc.Config{})
		w := s.watch(t, "")
		assertSeen(t, w, up) // at once
		time.Sleep(time.Second - time.Nanosecond)
		src.set(health.Report{NotReady: "checks"})
		assertSeen(t, w, up)
		time.Sleep(time.Nanosecond)
		assertSeen(t, w, up, down)
		src.set(health.Report{NotReady: "starting", Starting: true})
		time.Sleep(time.Hour)
		assertSeen(t, w, up, down) // no repeats
		src.set(health.Report{})
		time.Sleep(time.Second)
		assertSeen(t, w, up, down, up)
		evaluations, _ := src.counts()
		assert.Equal(t, 1+1+3600+1, evaluations, "one an interval")
		w.cancel()
		assertEnded(t, w, codes.Canceled, up, down, up)
		time.Sleep(time.Hour)
		after, _ := src.counts()
		assert.Equal(t, evaluations, after, "nothing is left behind")
	})
}

func TestWatchOfAnUnknownServiceGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		s := serve(t, src, healthgrpc.Config{Interval: 10 * time.Second, Services: map[string]string{"acme.v1.Orders": "orders"}})
		w, live := s.watch(t, "acme.v1.Orders"), s.watch(t, "live")
		assertSeen(t, w, unknown)
		src.set(health.Report{Dead: true, Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}})
		time.Sleep(10*time.Second - time.Nanosecond)
		assertSeen(t, w, unknown)
		time.Sleep(time.Nanosecond)
		assertSeen(t, w, unknown, up)
		src.set(health.Report{})
		time.Sleep(10 * time.Second)
		assertSeen(t, w, unknown, up, unknown)
		assertSeen(t, live, up, down, up)
	})
}

func TestWatchEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &source{}, healthgrpc.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		stream, err := s.client.Watch(ctx, &pb.HealthCheckRequest{})
		require.NoError(t, err)
		_, err = stream.Recv()
		require.NoError(t, err)
		_, err = stream.Recv()
		assert.ErrorContains(t, err, "DeadlineExceeded")
	})
}

func TestWatchesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &source{}, healthgrpc.Config{MaxWatches: 2})
		first, second := s.watch(t, ""), s.watch(t, "nobody")
		assertSeen(t, first, up)
		assertSeen(t, second, unknown)
		assertEnded(t, s.watch(t, ""), codes.ResourceExhausted)
		assert.Equal(t, up, s.checked(t, ""), "Check is not bounded")
		first.cancel()
		synctest.Wait()
		assertSeen(t, s.watch(t, ""), up)
		assertEnded(t, s.watch(t, ""), codes.ResourceExhausted)
	})
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &source{}, healthgrpc.Config{MaxWatches: -1})
		for range 20 {
			assertSeen(t, s.watch(t, ""), up)
		}
	})
}

// A real service, from the first result to the end of the process.
func TestWatchOfHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &dependency{}
		checks, err := health.New(health.Config{}, health.Check{Name: "db", Checker: db})
		require.NoError(t, err)
		s := serve(t, checks, healthgrpc.Config{})
		w, live := s.watch(t, ""), s.watch(t, "live")
		assertSeen(t, w, up)
		for range 5 {
			assertSeen(t, s.watch(t, "ready"), up)
		}
		assert.Equal(t, 1, db.runs(), "watches share the runs")
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, db.runs(), 61)

		db.set(errors.New("dial tcp 10.0.0.7:5432: connection refused"))
		time.Sleep(2 * time.Second) // a cached result, then a run
		assertSeen(t, w, up, down)
		db.set(nil)
		time.Sleep(2 * time.Second)
		assertSeen(t, w, up, down, up)
		db.hang(true)
		time.Sleep(8 * time.Second) // the last result is worth something for six
		assertSeen(t, w, up, down, up, down)
		db.hang(false)
		time.Sleep(10 * time.Second)
		assertSeen(t, w, up, down, up, down, up)

		require.NoError(t, checks.Drain(t.Context(), time.Second))
		assertSeen(t, w, up, down, up, down, up, down)
		runs := db.runs()
		time.Sleep(time.Minute)
		assertSeen(t, w, up, down, up, down, up, down) // open, until Shutdown
		assertSeen(t, s.watch(t, ""), down)
		assert.Equal(t, runs, db.runs())
		s.health.Shutdown()
		assertEnded(t, w, codes.Unavailable, up, down, up, down, up, down)
		assertEnded(t, live, codes.Unavailable, up)
		s.grpc.GracefulStop()
		require.NoError(t, checks.Close())
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{report: health.Report{Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}}
		s := serve(t, src, healthgrpc.Config{})
		w := s.watch(t, "orders")
		assertSeen(t, w, up)
		s.health.Shutdown()
		s.health.Shutdown()
		assertEnded(t, w, codes.Unavailable, up, down) // at once
		assertEnded(t, s.watch(t, "orders"), codes.Unavailable)
		assertEnded(t, s.watch(t, "live"), codes.Unavailable)
		evaluations, _ := src.counts()
		assert.Equal(t, map[string]pb.HealthCheckResponse_ServingStatus{
			"": down, "ready": down, "orders": down, "live": up, "startup": up,
		}, list(t, s))
		assert.Equal(t, down, s.checked(t, "orders"))
		after, _ := src.counts()
		assert.Equal(t, evaluations, after, "no check runs any more")
	})
}

func TestGracefulStopNeedsShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		s := serve(t, src, healthgrpc.Config{})
		w := s.watch(t, "")
		assertSeen(t, w, up)
		var stopped atomic.Bool
		go func() {
			s.grpc.GracefulStop()
			stopped.Store(true)
		}()
		src.set(health.Report{NotReady: "draining"})
		time.Sleep(time.Minute)
		assert.False(t, stopped.Load(), "grpc waits for the client")
		assertSeen(t, w, up, down)
		s.health.Shutdown()
		synctest.Wait()
		assert.True(t, stopped.Load())
		assertEnded(t, w, codes.Unavailable, up, down)
	})
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, &source{}, healthgrpc.Config{})
		w := s.watch(t, "")
		assertSeen(t, w, up)
		s.grpc.Stop()
		assertEnded(t, w, codes.Unavailable, up)
	})
}

// grpc-go's own client watches its server: it uses it no longer while it does not
// serve, and does not storm it after Shutdown.
func TestClientSideHealthChecking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		s := serve(t, src, healthgrpc.Config{Services: map[string]string{"acme.v1.Orders": "orders"}},
			grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":"acme.v1.Orders"}}`))
		s.conn.Connect()
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, connectivity.TransientFailure, s.conn.GetState(), "an unknown service is not used")
		src.set(health.Report{Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}})
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, connectivity.Ready, s.conn.GetState())
		src.set(health.Report{NotReady: "draining", Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}})
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, connectivity.TransientFailure, s.conn.GetState())
		s.health.Shutdown()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Equal(t, connectivity.TransientFailure, s.conn.GetState())
		assert.Less(t, s.streams.Load(), int64(20))
		s.grpc.GracefulStop()
	})
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	checks, err := health.New(health.Config{Cache: -1}, health.Check{Name: "db", Checker: &dependency{}})
	require.NoError(t, err)
	s := serve(t, checks, healthgrpc.Config{Interval: 10 * time.Millisecond})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				stream, watched := s.client.Watch(t.Context(), &pb.HealthCheckRequest{})
				if watched == nil {
					_, _ = stream.Recv() // fails after Shutdown
				}
				_, checked := s.client.Check(t.Context(), &pb.HealthCheckRequest{Service: "live"})
				_, listed := s.client.List(t.Context(), &pb.HealthListRequest{})
				if i == 10 {
					s.health.Shutdown()
				}
				assert.NoError(t, errors.Join(watched, checked, listed))
			}
		})
	}
	wg.Wait()
	s.grpc.GracefulStop()
	require.NoError(t, checks.Close())
}
