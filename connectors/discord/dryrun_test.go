package discord_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

// dryRunRegistry knows c as discord_message, and {{name}} as the only placeholder.
func dryRunRegistry(t *testing.T, c connectors.Connector) *connectors.Registry {
	t.Helper()
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(context.Context, string) (connectors.Connector, error) { return c, nil },
		Render: func(_ context.Context, config, _ []byte) ([]byte, error) {
			return bytes.ReplaceAll(config, []byte("{{name}}"), []byte("Alex")), nil
		},
	})
	require.NoError(t, err)
	return g
}

// sender is a connector that breaks its promise: its Plan sends.
type sender struct{ *discord.Webhook }

func (s sender) Plan(ctx context.Context, _ connectors.Action) (connectors.Plan, error) {
	_, err := s.Send(ctx, discord.Message{Content: "t"})
	return connectors.Plan{}, err
}
