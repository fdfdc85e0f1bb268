package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// shutdownTimeout bounds how long requests in flight are waited for. Together
// with the drain delay it must fit into the grace period of the orchestrator.
const shutdownTimeout = 20 * time.Second

// serve serves until ctx ends. Then ready says 503, the drain delay passes,
// requests in flight finish, the scheduler stops, and the app is closed: pools
// first, the registry of checks last.
func (a *app) serve(ctx context.Context) error {
	srv := &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(a.listener) }()
	stopWork, err := a.startWork(ctx)
	if err != nil {
		err = errors.Join(err, srv.Close(), ignoreClosed(<-failed))
		stopWork()
		return errors.Join(err, a.close())
	}
	a.health.MarkStarted()
	_, _ = fmt.Fprintf(a.stdout, "data in %s\nlistening on http://%s\n", a.cfg.dataDir, dialable(a.listener.Addr()))

	select {
	case err = <-failed:
		_ = a.health.Drain(ctx, 0)
	case <-ctx.Done():
		err = errors.Join(a.drain(context.WithoutCancel(ctx), srv), ignoreClosed(<-failed))
	}
	stopWork()
	a.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "Stopped")
	return errors.Join(err, a.close())
}

// drain tells load balancers, gives them time to hear it, and waits for the
// requests in flight.
func (a *app) drain(ctx context.Context, srv *http.Server) error {
	a.log.LogAttrs(ctx, slog.LevelInfo, "Draining", slog.Duration("drain_delay_ms", a.cfg.drainDelay))
	err := a.health.Drain(ctx, a.cfg.drainDelay)
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// dialable is an address that a browser on this machine can open.
func dialable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
