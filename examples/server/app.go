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

	"github.com/bracework/bracework/breaker"
	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
	"github.com/bracework/bracework/health"
	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/sqlstore"
	"github.com/bracework/bracework/logging"
	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/webhook"
	"golang.org/x/time/rate"
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
	// onceDelivered takes the id of a signed delivery for its key.
	onceDelivered *idempotency.Middleware
	verifiers     map[string]*webhook.Verifier // by workflow, where the sender signs
	slack         *breaker.Breaker
	actions       *connectors.Registry
	janitor       *janitor

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
	// The registry comes before what it watches, so that it is closed last.
	if a.health, err = health.New(health.Config{Version: version, Logger: a.log, Starting: true}); err != nil {
		return nil, err
	}
	a.onClose(a.health.Close)
	if a.store, err = openStore(ctx, cfg.dataDir); err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	a.onClose(a.store.close)
	all, err := a.store.workflows(ctx)
	if err != nil {
		return nil, err
	}
	if a.workflows, err = compile(all); err != nil {
		return nil, err
	}
	if err := a.openVerifiers(); err != nil {
		return nil, err
	}
	if err := a.openMiddleware(ctx); err != nil {
		return nil, err
	}
	if err := a.openActions(ctx); err != nil {
		return nil, err
	}
	a.janitor = newJanitor(a.store, a.log)
	if err := a.addChecks(); err != nil {
		return nil, err
	}
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
	byKey := idempotency.Config{Logger: a.log, StoreResponse: keep, MaxRequestBody: maxWebhookBody}
	if a.once, err = idempotency.New(a.records, a.tenantOf, byKey); err != nil {
		return err
	}
	a.onClose(a.once.Close)
	byDelivery := byKey
	byDelivery.KeyFunc, byDelivery.Fingerprint = webhook.DeliveryID, sameDelivery
	if a.onceDelivered, err = idempotency.New(a.records, a.tenantOf, byDelivery); err != nil {
		return err
	}
	a.onClose(a.onceDelivered.Close)
	return nil
}

// keep decides which responses are replayed. A 504 says that a message may
// have been sent; to run again would be to send it twice.
func keep(status int, _ http.Header) bool {
	return status < 500 || status == http.StatusGatewayTimeout
}

func (a *app) openActions(ctx context.Context) error {
	webhookURL := a.cfg.slackWebhook
	var pace *rate.Limiter // Slack's, by default
	if webhookURL.IsZero() {
		builtIn, closeSink, err := serveSink(ctx, a.sink)
		if err != nil {
			return err
		}
		a.onClose(closeSink)
		webhookURL, pace = connectors.NewSecret(builtIn), rate.NewLimiter(rate.Inf, 0)
	}
	client, err := connectors.NewClient(connectors.ClientConfig{})
	if err != nil {
		return err
	}
	a.onClose(client.Close)
	hook, err := slack.NewWebhook(webhookURL, slack.Config{Client: client, Limiter: pace})
	if err != nil {
		return fmt.Errorf("SLACK_WEBHOOK_URL: %w", err)
	}
	if a.slack, err = breaker.New("slack", breaker.Config{Classify: classify, Logger: a.log}); err != nil {
		return err
	}
	a.actions, err = newRegistry(map[string]connectors.Connector{"slack_message": &slackHook{Webhook: hook}})
	return err
}

// classify counts against the upstream what is the upstream's fault: a message
// that it refuses is not, and one that waits for its turn proves nothing.
func classify(_ context.Context, err error) breaker.Outcome {
	e, ok := errors.AsType[*connectors.Error](err)
	switch {
	case err == nil, ok && e.Permanent():
		return breaker.Success
	case ok && e.Unsent && e.Kind == connectors.KindRateLimited:
		return breaker.Neutral
	default:
		return breaker.Failure
	}
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
