// Package healthgrpc answers grpc.health.v1.Health from a [health.Health], and
// checks other services that answer it. Its name is not that of its folder, since
// every program that imports it imports google.golang.org/grpc too.
//
// # Services
//
// The protocol asks for the state of a service by its name:
//
//	""          readiness, as /health/ready
//	"ready"     the same
//	"live"      liveness, as /health/live: drain and dependencies leave it alone
//	"startup"   whether the service has started; not SERVING before that only
//	an alias    of [Config.Services], such as "acme.v1.Orders"
//	a group     of [health.Check.Groups]: its critical checks, start and drain
//
// When a name is several of these, the first counts. A kubelet's grpc probe has it in
// its field service.
//
// A service is SERVING or NOT_SERVING. It is SERVING while an optional check in it
// fails, or one reports a limitation. A group counts the checks that are not for
// readiness too, since someone put them there. A name that is none of these is
// unknown: NOT_FOUND from Check, SERVICE_UNKNOWN from Watch, which goes on and tells
// when a check of that group is added. The names of checks are no services.
//
// # Methods
//
// Check and List evaluate: they answer within [health.Config.Budget], and any number
// of them costs one run of each check per [health.Config.Cache]. "live" runs only
// the checks of liveness and "startup" none, so that a database that hangs holds
// neither up. List fails with RESOURCE_EXHAUSTED above 100 services, as in grpc-go.
//
// Watch tells the present state, then each change, and never the same one twice. It
// looks every [Config.Interval], in the goroutine that grpc has for the stream; no
// other is started. A change that is undone between two looks goes unseen. A Watch
// keeps the checks running as a probe with that period would. A client that does not
// read holds up its own stream only, and then gets the latest state.
//
// No authentication is asked for, and none may be in front of it for a kubelet,
// which sends no credentials: leave the service out of interceptors that refuse.
// Answers carry no text of an error, but List shows the names of groups.
//
// # Shutting down
//
// A drain, or Close, of the health.Health makes all services NOT_SERVING for good,
// "live" and "startup" excepted: at once in Check, within an interval and a budget
// in Watch. Watches stay open meanwhile, since clients take up again at once a Watch
// that ended after a message. But grpc.Server.GracefulStop waits for every stream,
// and what ends a Watch is the client alone. Therefore, in this order:
//
//	checks.Drain(ctx, delay)   // NOT_SERVING: clients go elsewhere
//	healthServer.Shutdown()    // ends the watches
//	grpcServer.GracefulStop()  // and, after a limit of yours, grpcServer.Stop()
//	checks.Close()
//
// Stop ends watches without further help.
package healthgrpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/health"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Services that every [Server] has, besides "".
const (
	ServiceReady   = "ready"
	ServiceLive    = "live"
	ServiceStartup = "startup"
)

const (
	defaultInterval   = time.Second
	minInterval       = 10 * time.Millisecond
	defaultMaxWatches = 10_000
	maxListed         = 100 // of grpc-go
)

// Source is what a [Server] answers from. [health.Health] is one.
type Source interface {
	Evaluate(ctx context.Context) health.Report
	Snapshot() health.Report
	Alive(ctx context.Context) bool
}

// Config configures a [Server]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// Services gives groups, "", [ServiceReady], [ServiceLive] and [ServiceStartup]
	// further names, such as "acme.v1.Orders": "orders". Those four cannot
	// mean anything else. A service whose group has no check is unknown, which shows a
	// misspelled one. None by default.
	Services map[string]string
	// Interval is how often a Watch looks for a change, one second by default and
	// at least 10 ms.
	Interval time.Duration
	// MaxWatches is how many watches may be open, 10,000 by default: each holds the
	// goroutine and the buffers of its stream. A further one fails with
	// RESOURCE_EXHAUSTED. A client that checks health on its own holds one for each
	// connection and does not use the service without it, so that the limit must
	// exceed the number of connections. grpc.MaxConcurrentStreams bounds those of one
	// connection. Negative: no limit.
	MaxWatches int
}

// Server is a [pb.HealthServer], to be registered with
// [pb.RegisterHealthServer]. Its methods may be called concurrently. Make one with
// [NewServer].
type Server struct {
	pb.UnimplementedHealthServer

	source     Source
	services   map[string]string
	interval   time.Duration
	maxWatches int64
	watches    atomic.Int64
	stopped    chan struct{}
	stop       func()
}

var _ pb.HealthServer = (*Server)(nil)

// NewServer returns a Server of source. It fails when cfg has an interval that is
// too short, or an alias for a name that every Server has.
func NewServer(source Source, cfg Config) (*Server, error) {
	if source == nil {
		return nil, errors.New("healthgrpc: source is nil")
	}
	for _, name := range []string{"", ServiceReady, ServiceLive, ServiceStartup} {
		if _, ok := cfg.Services[name]; ok {
			return nil, fmt.Errorf("healthgrpc: Config.Services: %q has its meaning already", name)
		}
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Interval < minInterval {
		return nil, fmt.Errorf("healthgrpc: Config.Interval is %v, less than %v", cfg.Interval, minInterval)
	}
	if cfg.MaxWatches == 0 {
		cfg.MaxWatches = defaultMaxWatches
	}
	stopped := make(chan struct{})
	return &Server{
		source:     source,
		services:   maps.Clone(cfg.Services),
		interval:   cfg.Interval,
		maxWatches: int64(cfg.MaxWatches),
		stopped:    stopped,
		stop:       sync.OnceFunc(func() { close(stopped) }),
	}, nil
}

// Shutdown makes all services but "live" and "startup" NOT_SERVING for good and ends
// all watches: each tells that, if it is news, and fails with UNAVAILABLE, as do
// those that begin later. Call it right before grpc.Server.GracefulStop. It does not
// wait: a watch that is evaluating ends after the budget at the latest. It may be
// called more than once.
func (s *Server) Shutdown() { s.stop() }

// Check implements [pb.HealthServer].
func (s *Server) Check(ctx context.Context, req *pb.HealthCheckRequest) (*pb.HealthCheckResponse, error) {
	current := s.current(ctx, req.GetService())
	if current == pb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &pb.HealthCheckResponse{Status: current}, nil
}

// List implements [pb.HealthServer].
func (s *Server) List(ctx context.Context, _ *pb.HealthListRequest) (*pb.HealthListResponse, error) {
	statuses := s.all(ctx)
	if len(statuses) > maxListed {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d services", maxListed)
	}
	return &pb.HealthListResponse{Statuses: statuses}, nil
}

// Watch implements [pb.HealthServer].
func (s *Server) Watch(req *pb.HealthCheckRequest, stream grpc.ServerStreamingServer[pb.HealthCheckResponse]) error {
	unavailable := status.Error(codes.Unavailable, "shutting down")
	if s.down() {
		return unavailable // before any message, which would make clients come back at once
	}
	defer s.watches.Add(-1)
	if n := s.watches.Add(1); s.maxWatches > 0 && n > s.maxWatches {
		return status.Error(codes.ResourceExhausted, "too many watches")
	}
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	ctx := stream.Context()
	last := pb.HealthCheckResponse_ServingStatus(-1)
	for stopping := false; ; {
		if current := s.current(ctx, req.GetService()); current != last {
			if err := stream.Send(&pb.HealthCheckResponse{Status: current}); err != nil {
				return err // of grpc, with a code
			}
			last = current
		}
		if stopping {
			return unavailable
		}
		select {
		case <-ticker.C:
		case <-s.stopped:
			stopping = true
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

func (s *Server) down() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}
