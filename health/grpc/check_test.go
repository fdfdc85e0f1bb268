package healthgrpc_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	healthgrpc "github.com/bracework/bracework/health/grpc"
)

func TestStates(t *testing.T) {
	t.Parallel()
	optional := group("mail", health.OutcomeUnknown, "orders")
	optional.Optional = true
	for name, tt := range map[string]struct {
		report                       health.Report
		ready, live, startup, orders pb.HealthCheckResponse_ServingStatus
	}{
		"all passes":          {health.Report{Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}, up, up, up, up},
		"degraded":            {health.Report{Status: health.StatusDegraded, Checks: []health.CheckResult{group("db", health.OutcomeDegraded, "orders")}}, up, up, up, up},
		"optional":            {health.Report{Checks: []health.CheckResult{optional, group("db", health.OutcomeOK, "orders")}}, up, up, up, up},
		"only in the group":   {health.Report{Status: health.StatusUnhealthy, Checks: []health.CheckResult{group("db", health.OutcomeFailed, "orders")}}, up, up, up, down},
		"only outside":        {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders"), group("mq", health.OutcomeFailed)}}, down, up, up, up},
		"one of two":          {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeFailed, "x", "orders"), group("mq", health.OutcomeOK, "orders")}}, down, up, up, down},
		"timeout":             {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeTimeout, "orders")}}, down, up, up, down},
		"stale":               {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeStale, "orders")}}, down, up, up, down},
		"no result yet":       {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeUnknown, "orders")}}, down, up, up, down},
		"a later outcome":     {health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", "on fire", "orders")}}, down, up, up, down},
		"starting":            {health.Report{NotReady: "starting", Starting: true, Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}, down, up, down, down},
		"draining":            {health.Report{NotReady: "draining", Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}, down, up, up, down},
		"a later reason":      {health.Report{NotReady: "on fire", Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}, down, up, up, down},
		"dead":                {health.Report{Dead: true, Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}, up, down, up, up},
		"no check in a group": {health.Report{Checks: []health.CheckResult{group("orders", health.OutcomeOK)}}, up, up, up, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := &source{report: tt.report}
			s := serve(t, src, healthgrpc.Config{Services: map[string]string{
				"acme.v1.Orders": "orders", "acme.v1.Server": "", "liveness": "live", "acme.v1.Oders": "oders",
			}})
			want := map[string]pb.HealthCheckResponse_ServingStatus{
				"": tt.ready, "ready": tt.ready, "acme.v1.Server": tt.ready, "live": tt.live, "liveness": tt.live, "startup": tt.startup,
			}
			if tt.orders == unknown {
				_, code := s.check(t, "orders")
				assert.Equal(t, codes.NotFound, code)
			} else {
				want["orders"], want["acme.v1.Orders"] = tt.orders, tt.orders
			}
			for name, state := range want {
				assert.Equal(t, state, s.checked(t, name), name)
			}
			for _, name := range []string{"acme.v1.Oders", "oders", "db", "Ready", "LIVE", "x/y"} {
				_, code := s.check(t, name)
				assert.Equal(t, codes.NotFound, code, name)
			}
			if name != "one of two" { // it has a further group
				assert.Equal(t, want, list(t, s))
			}
		})
	}
}

func list(t *testing.T, s service) map[string]pb.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := s.client.List(t.Context(), &pb.HealthListRequest{})
	require.NoError(t, err)
	got := map[string]pb.HealthCheckResponse_ServingStatus{}
	for name, r := range resp.GetStatuses() {
		got[name] = r.GetStatus()
	}
	return got
}

func TestAliasHidesAGroup(t *testing.T) {
	t.Parallel()
	src := &source{report: health.Report{Checks: []health.CheckResult{
		group("a", health.OutcomeOK, "a"), group("b", health.OutcomeFailed, "b"), group("c", health.OutcomeOK, "c", "live"),
	}}}
	s := serve(t, src, healthgrpc.Config{Services: map[string]string{"a": "b", "b": "a", "c": "missing"}})
	assert.Equal(t, down, s.checked(t, "a"))
	assert.Equal(t, up, s.checked(t, "b"))
	_, code := s.check(t, "c")
	assert.Equal(t, codes.NotFound, code)
	assert.Equal(t, map[string]pb.HealthCheckResponse_ServingStatus{
		"": up, "ready": up, "live": up, "startup": up, "a": down, "b": up,
	}, list(t, s))
}

func TestListIsCapped(t *testing.T) {
	t.Parallel()
	src := &source{}
	s := serve(t, src, healthgrpc.Config{})
	var checks []health.CheckResult
	for i := range 96 {
		checks = append(checks, group(fmt.Sprint("c", i), health.OutcomeOK, fmt.Sprint("g", i)))
	}
	src.set(health.Report{Checks: checks})
	assert.Len(t, list(t, s), 100)
	src.set(health.Report{Checks: append(checks, group("c", health.OutcomeOK, "g"))})
	_, err := s.client.List(t.Context(), &pb.HealthListRequest{})
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.Equal(t, up, s.checked(t, "g"))
}

// What liveness and startup say must not wait for all checks.
func TestLivenessEvaluatesNothingElse(t *testing.T) {
	t.Parallel()
	src := &source{}
	s := serve(t, src, healthgrpc.Config{})
	s.checked(t, "live")
	s.checked(t, "startup")
	evaluations, lives := src.counts()
	assert.Zero(t, evaluations)
	assert.Equal(t, 1, lives)
	s.checked(t, "")
	evaluations, lives = src.counts()
	assert.Equal(t, 1, evaluations)
	assert.Equal(t, 1, lives)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]healthgrpc.Config{
		"default": {},
		"fastest": {Interval: 10 * time.Millisecond, MaxWatches: -1},
		"aliases": {Services: map[string]string{"acme.v1.Orders": "orders", "readiness": "ready", "all": ""}},
	} {
		_, err := healthgrpc.NewServer(&source{}, cfg)
		require.NoError(t, err, name)
	}
	for name, cfg := range map[string]healthgrpc.Config{
		"negative interval": {Interval: -time.Second},
		"hasty":             {Interval: 10*time.Millisecond - 1},
		"the whole":         {Services: map[string]string{"": "orders"}},
		"ready":             {Services: map[string]string{"ready": "orders"}},
		"live":              {Services: map[string]string{"live": "orders"}},
		"startup":           {Services: map[string]string{"startup": "orders"}},
	} {
		_, err := healthgrpc.NewServer(&source{}, cfg)
		require.ErrorContains(t, err, "healthgrpc: Config.", name)
	}
	_, err := healthgrpc.NewServer(nil, healthgrpc.Config{})
	require.ErrorContains(t, err, "healthgrpc: source is nil")

	services := map[string]string{"a": "ready"}
	server, err := healthgrpc.NewServer(&source{}, healthgrpc.Config{Services: services})
	require.NoError(t, err)
	delete(services, "a")
	_, err = server.Check(t.Context(), &pb.HealthCheckRequest{Service: "a"})
	assert.NoError(t, err, "the map is the caller's again")
}

// A real service: an answer comes within the budget, and a drain is for good.
func TestCheckOfHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks, err := health.New(health.Config{Starting: true}, health.Check{Name: "db", Checker: &dependency{}})
		require.NoError(t, err)
		s := serve(t, checks, healthgrpc.Config{})
		assert.Equal(t, down, s.checked(t, "startup"))
		assert.Equal(t, down, s.checked(t, "ready"))
		checks.MarkStarted()
		assert.Equal(t, up, s.checked(t, "startup"))
		assert.Equal(t, up, s.checked(t, ""))
		assert.Equal(t, up, s.checked(t, "live"))

		require.NoError(t, checks.Drain(t.Context(), 0))
		assert.Equal(t, down, s.checked(t, ""))
		assert.Equal(t, up, s.checked(t, "live"))
		assert.Equal(t, up, s.checked(t, "startup"))
		checks.MarkStarted()
		require.NoError(t, checks.Close())
		assert.Equal(t, down, s.checked(t, ""))
		assert.Equal(t, up, s.checked(t, "live"))
	})
	synctest.Test(t, func(t *testing.T) {
		hanging := &dependency{}
		hanging.hang(true)
		checks, err := health.New(health.Config{}, health.Check{Name: "db", Checker: hanging})
		require.NoError(t, err)
		s := serve(t, checks, healthgrpc.Config{})
		began := time.Now()
		assert.Equal(t, up, s.checked(t, "live"))
		assert.Zero(t, time.Since(began))
		assert.Equal(t, down, s.checked(t, ""))
		assert.Equal(t, 750*time.Millisecond, time.Since(began))
		require.NoError(t, checks.Close())
	})
}
