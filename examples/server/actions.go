package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
	"github.com/bracework/bracework/template"
)

// newRegistry resolves action types to connectors, and renders their
// configurations as JSON documents. Its dry runs send nothing: whoever reaches the
// server may ask for one, past limits and idempotency keys.
func newRegistry(byType map[string]connectors.Connector) (*connectors.Registry, error) {
	return connectors.NewRegistry(connectors.RegistryConfig{
		Modes: []connectors.Mode{connectors.ModePlan, connectors.ModeProbe},
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			c, ok := byType[actionType]
			if !ok {
				return nil, connectors.ErrUnknownAction
			}
			return c, nil
		},
		Render: func(_ context.Context, config, payload []byte) ([]byte, error) {
			doc, err := template.CompileJSON(config)
			if err != nil {
				return nil, err
			}
			return doc.Append(nil, payload)
		},
		Paths: func(config []byte) ([]string, error) {
			doc, err := template.CompileJSON(config)
			if err != nil {
				return nil, err
			}
			var paths []string
			for _, p := range doc.Paths() {
				if !p.Optional {
					paths = append(paths, p.Path)
				}
			}
			return paths, nil
		},
	})
}

// slackHook is a webhook of Slack that "Test connection" brings back. Once Slack has
// said that it is dead, it refuses messages by itself; somebody who has mended it
// needs a way to say so that is not a restart.
type slackHook struct {
	*slack.Webhook

	refused atomic.Bool // since the last test that succeeded
}

// Execute notes whether Slack refuses the webhook.
func (w *slackHook) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	r, err := w.Webhook.Execute(ctx, a)
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		switch e.Kind {
		case connectors.KindAuth, connectors.KindNotFound, connectors.KindGone:
			w.refused.Store(true)
		}
	}
	return r, err
}

// Test lets messages pass again when Slack answers as if they could. Without a
// refusal it does not, since that would also end a pause that Slack asked for.
func (w *slackHook) Test(ctx context.Context) connectors.Result {
	r := w.Webhook.Test(ctx)
	if r.Success && w.refused.Swap(false) {
		w.Reset()
	}
	return r
}
