package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bracework/bracework/breaker"
	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
	"github.com/bracework/bracework/health"
	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/sqlstore"
	"github.com/bracework/bracework/logging"
	"github.com/bracework/bracework/ratelimit"
)

// version is what /health reports.
const version = "0.1.0"

// app is the server with everything it owns.
type app struct {
	cfg    config
	stdout io.Writer
	log    *slog.Logger

	listener  net.Listener
	store     *store
	workflows map[string]*workflow
	sink      *sink
	health    *health.Health
	buckets   *ratelimit.MemoryStore
	limiter   *ratelimit.Limiter
	records   *sqlstore.Store
	once      *idempotency.Middleware
	slack     *breaker.Breaker
	actions   *connectors.Registry

	closers []func() error // in the order of opening
}

func newApp(ctx context.Context, cfg config, stdout io.Writer) (_ *app, err error) {
	a := &app{
		cfg: cfg, stdout: stdout, sink: &sink{},
		log: slog.New(logging.NewHandler(stdout, logging.Config{Level: cfg.logLevel})),
	}
	defer func() {
		if err != nil {
			_ = a.close()
		}
	}()
	// The port is taken first: a second server on it ends here, before it
	// touches the database.
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.addr); err != nil {
		return nil, fmt.Errorf("ADDR=%q: %w", cfg.addr, err)
	}
	a.onClose(a.listener.Close)
	if a.store, err = openStore(ctx, cfg.dataDir); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	a.onClose(a.store.db.Close)
	all, err := a.store.workflows(ctx)
	if err != nil {
		return nil, err
	}
	if a.workflows, err = compile(all); err != nil {
		return nil, err
	}
	if err := a.openMiddleware(ctx); err != nil {
		return nil, err
	}
	if err := a.openActions(ctx); err != nil {
		return nil, err
	}
	a.health, err = health.New(health.Config{Version: version, Logger: a.log},
		health.Check{Name: "database", Checker: health.SQLWrite(a.store.db, probe)},
		health.Check{Name: "runtime", Checker: health.Runtime(0, 0)},
	)
	if err != nil {
		return nil, err
	}
	a.onClose(a.health.Close)
	return a, nil
}

func (a *app) openMiddleware(ctx context.Context) (err error) {
	a.buckets = ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	a.onClose(a.buckets.Close)
	if a.limiter, err = ratelimit.New(a.buckets, a.tenantOf, a.tierOf, ratelimit.Config{Logger: a.log}); err != nil {
		return err
	}
	// In the file, so that a restart does not run a request twice.
	if a.records, err = sqlstore.New(a.store.db, sqlstore.SQLite, sqlstore.Config{Logger: a.log}); err != nil {
		return err
	}
	a.onClose(a.records.Close)
	if err := a.records.Migrate(ctx); err != nil {
		return err
	}
	a.once, err = idempotency.New(a.records, a.tenantOf, idempotency.Config{Logger: a.log, StoreResponse: keep, MaxRequestBody: maxWebhookBody})
	if err != nil {
		return err
	}
	a.onClose(a.once.Close)
	return nil
}

// keep decides which responses are replayed. A 504 says that a message may
// have been sent; to run again would be to send it twice.
func keep(status int, _ http.Header) bool {
	return status < 500 || status == http.StatusGatewayTimeout
}

func (a *app) openActions(ctx context.Context) error {
	webhookURL := a.cfg.slackWebhook
	if webhookURL.IsZero() {
		builtIn, closeSink, err := serveSink(ctx, a.sink)
		if err != nil {
			return err
		}
		a.onClose(closeSink)
		webhookURL = connectors.NewSecret(builtIn)
	}
	client, err := connectors.NewClient(connectors.ClientConfig{})
	if err != nil {
		return err
	}
	a.onClose(client.Close)
	webhook, err := slack.NewWebhook(webhookURL, slack.Config{Client: client})
	if err != nil {
		return fmt.Errorf("SLACK_WEBHOOK_URL: %w", err)
	}
	if a.slack, err = breaker.New("slack", breaker.Config{Classify: classify, Logger: a.log}); err != nil {
		return err
	}
	a.actions, err = newRegistry(map[string]connectors.Connector{"slack_message": webhook})
	return err
}

// classify counts against the upstream what is the upstream's fault: a message
// that it refuses is not.
func classify(_ context.Context, err error) breaker.Outcome {
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Permanent() {
		return breaker.Success
	}
	if err != nil {
		return breaker.Failure
	}
	return breaker.Success
}

func (a *app) onClose(f func() error) { a.closers = append(a.closers, f) }

func (a *app) close() error {
	var errs []error
	for _, closeOne := range slices.Backward(a.closers) {
		if err := closeOne(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	a.closers = nil
	return errors.Join(errs...)
}

// shutdownTimeout bounds how long requests in flight are waited for: with a
// drain delay of 5 s it fits into the 30 s that Kubernetes grants.
const shutdownTimeout = 20 * time.Second

// serve serves until ctx ends; then ready says 503, the drain delay passes, and
// requests in flight finish. It closes the app.
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
	_, _ = fmt.Fprintf(a.stdout, "data in %s\nlistening on http://%s\n", a.cfg.dataDir, dialable(a.listener.Addr()))

	select {
	case err := <-failed:
		return errors.Join(err, a.close())
	case <-ctx.Done():
	}
	ctx = context.WithoutCancel(ctx)
	a.log.LogAttrs(ctx, slog.LevelInfo, "Draining", slog.Duration("drain_delay_ms", a.cfg.drainDelay))
	err := a.health.Drain(ctx, a.cfg.drainDelay)
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(ctx))
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "Stopped")
	return errors.Join(err, a.close())
}

// dialable is an address that a browser on this machine can open.
func dialable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
