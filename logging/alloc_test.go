//go:build !race

package logging_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// The race detector makes pools forget, so this is not for it.
func TestAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	secrets := logging.NewSecrets()
	for i := range 16 {
		require.NoError(t, secrets.Register(fmt.Sprintf("literal %d of 16: ä\"%d", i, i*i)))
	}
	trace := func(context.Context) (string, string) { return "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331" }
	ctx := logging.With(t.Context(), slog.String("tenant_id", "t_1"), slog.String("password", "x"))
	err := fmt.Errorf("deliver: %w", errors.New("dial tcp 192.0.2.1:443: connect: connection refused"))
	for name, cfg := range map[string]logging.Config{
		"by default": {}, "with 16 literals": {Secrets: secrets}, "in ECS": {Schema: logging.SchemaECS, Secrets: secrets},
		"in OTel": {Schema: logging.SchemaOTel}, "with all": {StringIDs: true, TraceIDs: trace, Secrets: secrets, ShowKeys: []string{"public_token"}},
	} {
		plain := slog.New(logging.NewHandler(discard{}, cfg))
		for form, logger := range map[string]*slog.Logger{
			"plain": plain, "with attributes": plain.With(slog.Int("a", 1), slog.String("b", "x")), "in a group": plain.WithGroup("g").With(slog.Int("a", 1)),
		} {
			attrs := scalars()
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				logger.LogAttrs(ctx, slog.LevelInfo, "Workflow executed: a=b", attrs...)
			}), "%s, %s", name, form)
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				logger.LogAttrs(ctx, slog.LevelInfo, "Failed", slog.Any("error", err), slog.String("token", "x"), slog.Float64("f", 0.5))
			}), "%s, %s: masked by key, and an error", name, form)
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				logger.LogAttrs(ctx, slog.LevelInfo, "GET https://u:p@h/?token=x", slog.String("v", "Bearer a1b2c3d4"))
			}), "%s, %s: masked in text", name, form)
		}
	}
}
