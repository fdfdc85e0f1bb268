package healthgrpc_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	healthgrpc "github.com/bracework/bracework/health/grpc"
)

const (
	up      = pb.HealthCheckResponse_SERVING
	down    = pb.HealthCheckResponse_NOT_SERVING
	unknown = pb.HealthCheckResponse_SERVICE_UNKNOWN
)

// source answers what the test sets, and counts.
type source struct {
	mu          sync.Mutex
	report      health.Report
	evaluations int
	lives       int
}

func (s *source) set(rep health.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = rep
}

func (s *source) counts() (evaluations, lives int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.evaluations, s.lives
}

func (s *source) Evaluate(context.Context) health.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evaluations++
	return s.report
}

func (s *source) Snapshot() health.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report
}

func (s *source) Alive(context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lives++
	return !s.report.Dead
}

func group(name string, outcome health.Outcome, groups ...string) health.CheckResult {
	passes := outcome == health.OutcomeOK || outcome == health.OutcomeDegraded
	return health.CheckResult{Name: name, Outcome: outcome, Up: passes, Groups: groups}
}

// service is a gRPC server in memory and a connection to it.
type service struct {
	client  pb.HealthClient
	conn    *grpc.ClientConn
	health  *healthgrpc.Server
	grpc    *grpc.Server
	streams *atomic.Int64 // that ever began
}

func serve(t *testing.T, src healthgrpc.Source, cfg healthgrpc.Config, opts ...grpc.DialOption) service {
	t.Helper()
	server, err := healthgrpc.NewServer(src, cfg)
	require.NoError(t, err)
	lis := bufconn.Listen(1 << 16)
	var streams atomic.Int64
	g := grpc.NewServer(grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		streams.Add(1)
		return next(srv, ss)
	}))
	pb.RegisterHealthServer(g, server)
	served := make(chan error, 1)
	go func() { served <- g.Serve(lis) }()
	conn := dial(t, lis, opts...)
	t.Cleanup(func() {
		assert.NoError(t, conn.Close())
		g.Stop()
		assert.NoError(t, <-served)
	})
	return service{pb.NewHealthClient(conn), conn, server, g, &streams}
}

func dial(t *testing.T, lis *bufconn.Listener, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///memory", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
	}, opts...)...)
	require.NoError(t, err)
	return conn
}

// check has the status, or the code where it is an error.
func (s service) check(t *testing.T, name string) (pb.HealthCheckResponse_ServingStatus, codes.Code) {
	t.Helper()
	resp, err := s.client.Check(t.Context(), &pb.HealthCheckRequest{Service: name})
	return resp.GetStatus(), status.Code(err)
}

func (s service) checked(t *testing.T, name string) pb.HealthCheckResponse_ServingStatus {
	t.Helper()
	got, code := s.check(t, name)
	require.Equal(t, codes.OK, code, name)
	return got
}

// watch is an open Watch.
type watch struct {
	cancel context.CancelFunc
	mu     sync.Mutex
	got    []pb.HealthCheckResponse_ServingStatus
	err    error
}

func (s service) watch(t *testing.T, name string) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := s.client.Watch(ctx, &pb.HealthCheckRequest{Service: name})
	require.NoError(t, err)
	w := &watch{cancel: cancel}
	go func() {
		for {
			resp, err := stream.Recv()
			w.mu.Lock()
			if err != nil {
				w.err = err
				w.mu.Unlock()
				return
			}
			w.got = append(w.got, resp.GetStatus())
			w.mu.Unlock()
		}
	}()
	return w
}

// seen is all that the watch has told, and the code of its end: OK while it is
// open.
func (w *watch) seen() ([]pb.HealthCheckResponse_ServingStatus, codes.Code) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]pb.HealthCheckResponse_ServingStatus(nil), w.got...), status.Code(w.err)
}
