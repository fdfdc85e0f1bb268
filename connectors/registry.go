package connectors

import (
	"context"
	"errors"
	"strings"
	"time"
)

// ErrUnknownAction is returned for an action type that no connector has.
var ErrUnknownAction = errors.New("connectors: unknown action type")

// RegistryConfig says how a [Registry] finds and prepares actions.
type RegistryConfig struct {
	// Resolve returns the connector of an action type, or ErrUnknownAction.
	// Required.
	Resolve func(ctx context.Context, actionType string) (Connector, error)
	// Render fills the configuration of an action from a payload. The text of
	// its error is shown to the caller of a dry run: it may name paths, and
	// must hold no value. Nil: configurations have no placeholders.
	Render func(ctx context.Context, config, payload []byte) ([]byte, error)
	// Paths lists what a configuration reads from the payload, under the rules
	// of Render. Nil: it is not listed.
	Paths func(config []byte) ([]string, error)
}

// Registry executes actions, and dry runs, by their type. It may be used
// concurrently.
type Registry struct{ cfg RegistryConfig }

// NewRegistry returns a Registry.
func NewRegistry(cfg RegistryConfig) (*Registry, error) {
	if cfg.Resolve == nil {
		return nil, errors.New("connectors: RegistryConfig.Resolve is nil")
	}
	return &Registry{cfg: cfg}, nil
}

// Execute performs an action whose configuration is rendered. The error is
// ErrUnknownAction or the connector's.
func (g *Registry) Execute(ctx context.Context, a Action) (Result, error) {
	c, err := g.cfg.Resolve(ctx, a.Type)
	if err != nil {
		return Result{}, err
	}
	return c.Execute(ctx, a)
}

// Render fills the configuration of an action from a payload.
func (g *Registry) Render(ctx context.Context, config, payload []byte) ([]byte, error) {
	if g.cfg.Render == nil {
		return config, nil
	}
	return g.cfg.Render(ctx, config, payload)
}

// DryRun says what Execute would do, and does nothing. A nil payload leaves
// the placeholders as they are, and the message lists their paths. The error
// is ErrUnknownAction; whatever else is wrong is a Result without Success.
func (g *Registry) DryRun(ctx context.Context, a Action, payload []byte) (Result, error) {
	start := time.Now()
	ctx = withoutNetwork(ctx)
	c, err := g.cfg.Resolve(ctx, a.Type)
	if err != nil {
		return Result{}, err
	}
	message, err := g.plan(ctx, c, a, payload)
	r := NewResult(start, message, err)
	r.DryRun = true
	return r, nil
}

func (g *Registry) plan(ctx context.Context, c Connector, a Action, payload []byte) (string, error) {
	var paths []string
	switch {
	case payload != nil:
		config, err := g.Render(ctx, a.Config, payload)
		if err != nil {
			return "", &Error{Connector: c.Name(), Op: "plan", Kind: KindInvalid, Code: "template", Message: err.Error(), Unsent: true}
		}
		a.Config = config
	case g.cfg.Paths != nil:
		var err error
		if paths, err = g.cfg.Paths(a.Config); err != nil {
			return "", &Error{Connector: c.Name(), Op: "plan", Kind: KindInvalid, Code: "template", Message: err.Error(), Unsent: true}
		}
	}
	plan, err := c.Plan(ctx, a)
	if err != nil {
		return "", err
	}
	if len(paths) > 0 {
		return plan.Summary + "; the payload must have " + strings.Join(paths, ", "), nil
	}
	return plan.Summary, nil
}
