package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/bracework/bracework/logging"
	"github.com/bracework/bracework/ratelimit"
)

const maxWebhookBody = 1 << 20

// routes is the one place where the order of the layers is decided.
func (a *app) routes() http.Handler {
	webhook := a.runWorkflow()                 // template -> connector
	webhook = a.runOnce(webhook)               // one run per delivery or key
	webhook = a.knownWorkflow(webhook)         // 404
	webhook = a.limiter.Handler(webhook)       // the tenant's tier
	webhook = a.proven(webhook)                // 401, where the sender signs
	webhook = maxBody(webhook, maxWebhookBody) // 413
	webhook = a.withWorkflow(webhook)          // whose request this is
	webhook = only(webhook, http.MethodPost)   // 405

	mux := http.NewServeMux()
	mux.Handle("/api/webhooks/{workflow}", webhook)
	mux.Handle("/api/workflows/dry-run", a.actions.DryRunHandler())
	mux.Handle("/sink/slack", only(http.HandlerFunc(a.sink.slack), http.MethodPost))
	mux.Handle("/sink/messages", only(http.HandlerFunc(a.sink.list), http.MethodGet, http.MethodHead))
	mux.HandleFunc("/", notFound)

	// Probes stand outside of the limits, and are logged at level debug only: a
	// full log must not make a live process look dead.
	outer := http.NewServeMux()
	a.health.Register(outer)
	outer.Handle("/", mux)
	return logging.AccessLog(a.log, logging.AccessConfig{})(outer)
}

type workflowKey struct{}

// withWorkflow looks the workflow up once for all layers behind it.
func (a *app) withWorkflow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wf := a.workflows[r.PathValue("workflow")]
		if wf != nil {
			logging.Add(r.Context(), wf.attrs()...)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), workflowKey{}, wf)))
	})
}

func workflowOf(r *http.Request) *workflow {
	wf, _ := r.Context().Value(workflowKey{}).(*workflow)
	return wf
}

var errUnknownWorkflow = errors.New("unknown workflow")

// tenantOf is the key of the rate limit and the scope of idempotency keys.
func (a *app) tenantOf(r *http.Request) (string, error) {
	wf := workflowOf(r)
	if wf == nil {
		return "", errUnknownWorkflow // the limiter's shared bucket
	}
	return wf.TenantID, nil
}

func (a *app) tierOf(r *http.Request) (ratelimit.Tier, error) {
	wf := workflowOf(r)
	if wf == nil {
		return ratelimit.Free, nil
	}
	return wf.tier(), nil
}

func (a *app) knownWorkflow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if workflowOf(r) == nil {
			problem{Type: "workflow-unknown", Title: "Unknown workflow", Status: http.StatusNotFound}.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
