//go:build !race

package logging_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/logging"
)

// The race detector makes pools forget, so this is not for it.
func TestAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	plain := slog.New(logging.NewHandler(discard{}, logging.Config{}))
	ctx := logging.With(t.Context(), slog.String("tenant_id", "t_1"), slog.String("password", "x"))
	err := errors.New("dial tcp 192.0.2.1:443: connect: connection refused")
	for name, logger := range map[string]*slog.Logger{
		"plain": plain, "with attributes": plain.With(slog.Int("a", 1), slog.String("b", "x")), "in a group": plain.WithGroup("g").With(slog.Int("a", 1)),
	} {
		attrs := scalars()
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			logger.LogAttrs(ctx, slog.LevelInfo, "Workflow executed: a=b", attrs...)
		}), name)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			logger.LogAttrs(ctx, slog.LevelInfo, "Failed", slog.Any("error", err), slog.String("token", "x"), slog.Float64("f", 0.5))
		}), name)
	}
}
