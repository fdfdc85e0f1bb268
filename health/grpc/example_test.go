package healthgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/bracework/bracework/health"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	healthgrpc "github.com/bracework/bracework/health/grpc"
)

func Example() {
	checks, err := health.New(health.Config{},
		health.Check{Name: "database", Groups: []string{"orders"}, Checker: health.CheckFunc(func(context.Context) error {
			return nil
		})},
	)
	if err != nil {
		panic(err)
	}
	healthServer, err := healthgrpc.NewServer(checks, healthgrpc.Config{
		Services: map[string]string{"acme.v1.Orders": "orders", "acme.v1.Admin": healthgrpc.ServiceReady},
	})
	if err != nil {
		panic(err)
	}
	grpcServer := grpc.NewServer()
	pb.RegisterHealthServer(grpcServer, healthServer)
	conn := serveInMemory(grpcServer) // stands in for your listener, and a probe

	probe := func(service string) {
		resp, err := pb.NewHealthClient(conn).Check(context.Background(), &pb.HealthCheckRequest{Service: service})
		fmt.Println(service, resp.GetStatus(), err)
	}
	probe("acme.v1.Admin")
	probe("acme.v1.Orders")

	// On SIGTERM, with a delay of the probe's period times its failure threshold.
	if err := checks.Drain(context.Background(), 0); err != nil {
		fmt.Println(err)
	}
	probe("acme.v1.Admin")
	probe(healthgrpc.ServiceLive)

	healthServer.Shutdown() // or a Watch keeps the next line waiting
	limit := time.AfterFunc(10*time.Second, grpcServer.Stop)
	grpcServer.GracefulStop()
	limit.Stop()
	if err := checks.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// acme.v1.Admin SERVING <nil>
	// acme.v1.Orders SERVING <nil>
	// acme.v1.Admin NOT_SERVING <nil>
	// live SERVING <nil>
}

// A service that depends on another one reports its state as a check.
func ExampleClient() {
	billing, err := health.New(health.Config{}, health.Check{Name: "ledger", Checker: health.CheckFunc(func(context.Context) error {
		return errors.New("no space left on device")
	})})
	if err != nil {
		panic(err)
	}
	healthServer, err := healthgrpc.NewServer(billing, healthgrpc.Config{})
	if err != nil {
		panic(err)
	}
	grpcServer := grpc.NewServer()
	defer grpcServer.Stop()
	pb.RegisterHealthServer(grpcServer, healthServer)
	conn := serveInMemory(grpcServer)

	checks, err := health.New(health.Config{},
		health.Check{Name: "billing", Optional: true, Checker: healthgrpc.Client(conn, "")},
	)
	if err != nil {
		panic(err)
	}
	rep := checks.Evaluate(context.Background())
	fmt.Println(rep.Status, rep.Checks[0].Name, rep.Checks[0].Reason)
	// Output: degraded billing status
}

func serveInMemory(s *grpc.Server) *grpc.ClientConn {
	lis := bufconn.Listen(1 << 16)
	go func() { _ = s.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		panic(err)
	}
	return conn
}
