package slack_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

// dryRunRegistry knows c as slack_message, and {{name}} as the only placeholder.
func dryRunRegistry(t *testing.T, c connectors.Connector) *connectors.Registry {
	t.Helper()
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return c, nil },
		Render: func(_ context.Context, config, _ []byte) ([]byte, error) {
			return bytes.ReplaceAll(config, []byte("{{name}}"), []byte("Alex")), nil
		},
		Paths: func(config []byte) ([]string, error) {
			if bytes.Contains(config, []byte("{{name}}")) {
				return []string{"name"}, nil
			}
			return nil, nil
		},
	})
	require.NoError(t, err)
	return g
}

// sender is a connector that breaks its promise: its Plan sends.
type sender struct{ *slack.Webhook }

func (s sender) Plan(ctx context.Context, _ connectors.Action) (connectors.Plan, error) {
	return connectors.Plan{}, s.Send(ctx, slack.Message{Text: "t"})
}
