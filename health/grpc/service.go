package healthgrpc

import (
	"context"
	"maps"
	"slices"

	"github.com/bracework/bracework/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
)

// Values of [health.Report.NotReady].
const (
	notReadyDraining = "draining"
	notReadyChecks   = "checks" // says nothing of a group
)

// current is the present state of a service, SERVICE_UNKNOWN when there is none of
// that name.
func (s *Server) current(ctx context.Context, name string) pb.HealthCheckResponse_ServingStatus {
	if target, ok := s.services[name]; ok {
		name = target
	}
	switch name {
	case ServiceLive:
		return serving(s.source.Alive(ctx))
	case ServiceStartup:
		return serving(s.started())
	}
	return of(s.report(ctx), name)
}

// all is the present state of every service.
func (s *Server) all(ctx context.Context) map[string]*pb.HealthCheckResponse {
	rep := s.report(ctx)
	statuses := map[string]*pb.HealthCheckResponse{
		"":             {Status: of(rep, "")},
		ServiceReady:   {Status: of(rep, ServiceReady)},
		ServiceLive:    {Status: serving(s.source.Alive(ctx))},
		ServiceStartup: {Status: serving(s.started())},
	}
	for _, check := range rep.Checks {
		for _, group := range check.Groups {
			if statuses[group] == nil {
				statuses[group] = &pb.HealthCheckResponse{Status: of(rep, group)}
			}
		}
	}
	named := maps.Clone(statuses)
	for name, target := range s.services {
		if resp := statuses[target]; resp != nil {
			named[name] = resp
		} else {
			delete(named, name) // a group that the alias of a missing one hides
		}
	}
	return named
}

// report is a draining one after Shutdown, whatever the source says.
func (s *Server) report(ctx context.Context) health.Report {
	if !s.down() {
		return s.source.Evaluate(ctx)
	}
	rep := s.source.Snapshot()
	rep.NotReady = notReadyDraining
	return rep
}

// of is the state of the whole, or of a group, in rep.
func of(rep health.Report, name string) pb.HealthCheckResponse_ServingStatus {
	if name == "" || name == ServiceReady {
		return serving(rep.NotReady == "")
	}
	passing, found := true, false
	for _, check := range rep.Checks {
		if !slices.Contains(check.Groups, name) {
			continue
		}
		found = true
		passing = passing && (check.Up || check.Optional)
	}
	if !found {
		return pb.HealthCheckResponse_SERVICE_UNKNOWN
	}
	return serving(passing && (rep.NotReady == "" || rep.NotReady == notReadyChecks))
}

func serving(ok bool) pb.HealthCheckResponse_ServingStatus {
	if ok {
		return pb.HealthCheckResponse_SERVING
	}
	return pb.HealthCheckResponse_NOT_SERVING
}

func (s *Server) started() bool { return !s.source.Snapshot().Starting }
