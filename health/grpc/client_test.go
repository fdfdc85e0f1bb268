package healthgrpc_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	healthgrpc "github.com/bracework/bracework/health/grpc"
)

func TestClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := &source{report: health.Report{NotReady: "checks", Checks: []health.CheckResult{group("db", health.OutcomeOK, "orders")}}}
		s := serve(t, src, healthgrpc.Config{})
		require.NoError(t, healthgrpc.Client(s.conn, "orders").Check(t.Context()))
		require.NoError(t, healthgrpc.Client(s.conn, "live").Check(t.Context()))
		require.EqualError(t, healthgrpc.Client(s.conn, "").Check(t.Context()), `healthgrpc: service "" is NOT_SERVING`)
		err := healthgrpc.Client(s.conn, "acme").Check(t.Context())
		require.ErrorContains(t, err, `healthgrpc: check "acme": `)
		assert.Equal(t, codes.NotFound, status.Code(err))
		require.EqualError(t, healthgrpc.Client(nil, "").Check(t.Context()), "healthgrpc: connection is nil")

		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		assert.Equal(t, codes.DeadlineExceeded, status.Code(healthgrpc.Client(s.conn, "").Check(ctx)))
	})
}

func TestClientIsNotForLiveness(t *testing.T) {
	t.Parallel()
	_, err := health.New(health.Config{}, health.Check{Name: "billing", Checker: healthgrpc.Client(nil, ""), ForLive: true})
	require.ErrorContains(t, err, "not fit for liveness")
}

// other is a server in each of the states that one can be in.
type other struct {
	pb.UnimplementedHealthServer

	status pb.HealthCheckResponse_ServingStatus
	err    error
	hangs  bool
}

func (o other) Check(ctx context.Context, _ *pb.HealthCheckRequest) (*pb.HealthCheckResponse, error) {
	if o.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &pb.HealthCheckResponse{Status: o.status}, o.err
}

func TestClientAsACheck(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		server  pb.HealthServer // nil: none of this service
		outcome health.Outcome
		reason  string
	}{
		"serving":         {other{status: up}, health.OutcomeOK, ""},
		"not serving":     {other{status: down}, health.OutcomeFailed, "status"},
		"no state":        {other{}, health.OutcomeFailed, "status"},
		"watched only":    {other{status: unknown}, health.OutcomeFailed, "status"},
		"unknown":         {other{err: status.Error(codes.NotFound, "unknown service")}, health.OutcomeFailed, "status"},
		"no such method":  {pb.UnimplementedHealthServer{}, health.OutcomeFailed, "status"},
		"no such service": {nil, health.OutcomeFailed, "status"},
		"not allowed":     {other{err: status.Error(codes.PermissionDenied, "")}, health.OutcomeFailed, "status"},
		"not known":       {other{err: status.Error(codes.Unauthenticated, "")}, health.OutcomeFailed, "status"},
		"broken":          {other{err: status.Error(codes.Internal, "")}, health.OutcomeFailed, "other"},
		"hanging":         {other{hangs: true}, health.OutcomeTimeout, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lis := bufconn.Listen(1 << 16)
				g := grpc.NewServer()
				if tt.server != nil {
					pb.RegisterHealthServer(g, tt.server)
				}
				served := make(chan error, 1)
				go func() { served <- g.Serve(lis) }()
				conn := dial(t, lis)
				got := check(t, conn)
				assert.Equal(t, tt.outcome, got.Outcome)
				assert.Equal(t, tt.reason, got.Reason)

				g.Stop()
				require.NoError(t, <-served)
				got = check(t, conn)
				assert.Equal(t, health.OutcomeFailed, got.Outcome)
				assert.Equal(t, "refused", got.Reason)
				require.NoError(t, conn.Close())
			})
		})
	}
}

// check is what a service reports that depends on the other end of conn.
func check(t *testing.T, conn grpc.ClientConnInterface) health.CheckResult {
	t.Helper()
	checks, err := health.New(health.Config{Budget: -1}, health.Check{Name: "other", Timeout: 2 * time.Second, Checker: healthgrpc.Client(conn, "")})
	require.NoError(t, err)
	rep := checks.Evaluate(t.Context())
	require.Len(t, rep.Checks, 1)
	require.NoError(t, checks.Close())
	return rep.Checks[0]
}
