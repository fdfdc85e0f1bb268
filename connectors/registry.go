package connectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrUnknownAction is the error for an action type that no connector has.
var ErrUnknownAction = errors.New("connectors: unknown action type")

// RegistryConfig says how a [Registry] finds and prepares actions. Its functions
// may be called concurrently.
type RegistryConfig struct {
	// Resolve returns the connector of an action type. For a type that does not
	// exist it returns [ErrUnknownAction], for one that is not set up an
	// [*Error]. Required.
	Resolve func(ctx context.Context, actionType string) (Connector, error)
	// Render fills the placeholders of a configuration from a payload, both
	// JSON. A dry run shows the text of its error: it should list every path
	// that the payload lacks, and must hold nothing of the payload's values.
	// Default: configurations have no placeholders.
	Render func(ctx context.Context, config, payload []byte) ([]byte, error)
	// Paths returns the paths that Render would have to find in the payload, so
	// that a dry run without one can list them. The text of its error is shown
	// as well. Default: they are not listed.
	Paths func(config []byte) ([]string, error)
	// Modes are those that a dry run may have. [ModeSend] acts for real, and
	// [ModeProbe] calls the provider with the connector's credential: list those
	// that whoever reaches [Registry.DryRunHandler] may use. Default: all, each if
	// the request names it.
	Modes []Mode
}

// Registry executes actions, and shows what they would do. It may be used
// concurrently.
type Registry struct{ cfg RegistryConfig }

// NewRegistry returns a Registry.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	if cfg.Resolve == nil {
		return nil, errors.New("connectors: RegistryConfig.Resolve is nil")
	}
	for _, mode := range cfg.Modes {
		if !slices.Contains(allModes(), mode) {
			return nil, fmt.Errorf("connectors: RegistryConfig.Modes has the mode %q, which there is not", mode)
		}
	}
	cfg.Modes = slices.Clone(cfg.Modes)
	if len(cfg.Modes) == 0 {
		cfg.Modes = allModes()
	}
	return &Registry{cfg: cfg}, nil
}

// Execute performs an action whose configuration is rendered. The error is that
// of Resolve or of the connector.
func (g *Registry) Execute(ctx context.Context, a Action) (Result, error) {
	c, err := g.resolve(ctx, a.Type)
	if err != nil {
		return Result{}, err
	}
	return c.Execute(ctx, a)
}

// Render fills the placeholders of a configuration from a payload. It returns the
// configuration as it is when [RegistryConfig.Render] is nil.
func (g *Registry) Render(ctx context.Context, config, payload []byte) ([]byte, error) {
	if g.cfg.Render == nil {
		return config, nil
	}
	return g.cfg.Render(ctx, config, payload)
}

func (g *Registry) resolve(ctx context.Context, actionType string) (Connector, error) {
	c, err := g.cfg.Resolve(ctx, actionType)
	if err == nil && c == nil {
		err = ErrUnknownAction
	}
	return c, err
}
