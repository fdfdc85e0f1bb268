package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/breaker"
	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/template"
)

// runWorkflow renders the workflow's action over the payload and executes it.
// A request that is refused before anything happened does not use up its
// idempotency key.
func (a *app) runWorkflow() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, wf := r.Context(), workflowOf(r)
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			idempotency.NoStore(ctx)
			unreadable(w, err)
			return
		}
		config, err := wf.config.Append(nil, payload)
		if err != nil {
			idempotency.NoStore(ctx)
			badPayload(w, err)
			return
		}
		id, err := a.execute(ctx, wf, config)
		if err != nil {
			upstreamFailed(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct {
			Status     string `json:"status"`
			RunID      string `json:"run_id"`
			WorkflowID string `json:"workflow_id"`
		}{"executed", id, wf.ID})
	})
}

// execute runs one action and keeps account of it. When the message has left,
// the run succeeded, whatever the database says after it.
func (a *app) execute(ctx context.Context, wf *workflow, config []byte) (id string, err error) {
	id, start := "run_"+rand.Text(), time.Now()
	if err := a.store.startRun(ctx, id, wf.ID, start); err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "Run not started", append(wf.attrs(), slog.Any("error", err))...)
		return "", errUnavailable
	}
	err = a.slack.Do(ctx, func(ctx context.Context) error {
		_, err := a.actions.Execute(ctx, connectors.Action{Type: wf.ActionType, Config: config})
		return err
	})
	status := "executed"
	switch {
	case unclear(err):
		status = "unknown"
	case err != nil:
		status = "failed"
	}
	attrs := append(wf.attrs(), slog.String("run_id", id), slog.String("status", status), slog.Duration("duration_ms", time.Since(start)))
	if err == nil {
		a.log.LogAttrs(ctx, slog.LevelInfo, "Workflow executed", attrs...)
	} else {
		a.log.LogAttrs(ctx, slog.LevelError, "Workflow failed", append(attrs, slog.Any("error", err))...)
	}
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // the client may be gone
	defer cancel()
	if saveErr := a.store.endRun(ended, id, status, time.Now()); saveErr != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "Run not ended", slog.String("run_id", id), slog.Any("error", saveErr))
	}
	return id, err
}

func (w *workflow) attrs() []slog.Attr {
	return []slog.Attr{slog.String("workflow_id", w.ID), slog.String("tenant_id", w.TenantID), slog.String("user_id", w.UserID)}
}

var errUnavailable = errors.New("the database does not take the run")

// unclear reports whether a failed call may have had its effect. A gateway's
// 502, or a 500 behind a commit, proves nothing; only a refusal does.
func unclear(err error) bool {
	e, ok := errors.AsType[*connectors.Error](err)
	return ok && e.Unclear()
}

// upstreamFailed tells the client whether to send the request again. The
// response to an unclear failure is kept, so that a retry cannot send the
// message twice; see keep.
func upstreamFailed(w http.ResponseWriter, err error) {
	p := problem{Type: "upstream-failed", Title: "Upstream failed", Status: http.StatusBadGateway, Detail: "The message was not sent."}
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		p = problem{Type: "upstream-unavailable", Title: "Upstream unavailable", Status: http.StatusServiceUnavailable, Detail: "The message was not sent. Retry later with the same key."}
		w.Header().Set("Retry-After", strconv.FormatInt(int64(open.RetryAfter/time.Second)+1, 10))
	}
	switch {
	case errors.Is(err, errUnavailable):
		p = problem{Type: "upstream-unavailable", Title: "Upstream unavailable", Status: http.StatusServiceUnavailable, Detail: "Nothing was sent. Retry later with the same key."}
		w.Header().Set("Retry-After", "5")
	case unclear(err):
		p = problem{Type: "upstream-unclear", Title: "Outcome unclear", Status: http.StatusGatewayTimeout, Detail: "The message may have been sent; it will not be sent again under this key."}
	}
	p.write(w)
}

func unreadable(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		bodyTooLarge(w)
		return
	}
	problem{Type: "request-body-unreadable", Title: "Request body unreadable", Status: http.StatusBadRequest}.write(w)
}

func badPayload(w http.ResponseWriter, err error) {
	if missing, ok := errors.AsType[*template.ValidationError](err); ok {
		p := problem{Type: "payload-incomplete", Title: "Payload incomplete", Status: http.StatusUnprocessableEntity, Detail: "The workflow needs these paths."}
		for _, m := range missing.Problems {
			p.Paths = append(p.Paths, m.Path)
		}
		p.write(w)
		return
	}
	problem{Type: "payload-invalid", Title: "Payload invalid", Status: http.StatusBadRequest, Detail: "The body must be a JSON document."}.write(w)
}
