package healthgrpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/bracework/bracework/health"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// Client checks another server by the Check method of its grpc.health.v1.Health:
// it passes when service, "" for the whole, is SERVING. It goes through conn, the
// one that the program uses anyway, and gives up with the context. Reasons: timeout,
// refused (no connection, for whatever cause), status (any other state, or the
// server does not know the service or the protocol), other.
//
// [health.Check.ForLive] is refused, since it would restart this process for the
// failure of another. Where servers check each other, name a service that does not
// check back, such as [ServiceLive].
func Client(conn grpc.ClientConnInterface, service string) health.Checker {
	return health.Remote(client{conn, service})
}

type client struct {
	conn    grpc.ClientConnInterface
	service string
}

func (c client) Check(ctx context.Context) error {
	if c.conn == nil {
		return errors.New("healthgrpc: connection is nil")
	}
	resp, err := pb.NewHealthClient(c.conn).Check(ctx, &pb.HealthCheckRequest{Service: c.service})
	if err != nil {
		return health.Reason(reason(status.Code(err)), fmt.Errorf("healthgrpc: check %q: %w", c.service, err))
	}
	if s := resp.GetStatus(); s != pb.HealthCheckResponse_SERVING {
		return health.Reason("status", fmt.Errorf("healthgrpc: service %q is %v", c.service, s))
	}
	return nil
}

func reason(code codes.Code) string {
	switch code {
	case codes.DeadlineExceeded:
		return "timeout"
	case codes.Unavailable:
		return "refused"
	case codes.NotFound, codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied:
		return "status"
	default:
		return "other"
	}
}
