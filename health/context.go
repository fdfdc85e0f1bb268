package health

import (
	"context"
	"errors"
	"fmt"
)

// ContextAlive checks that ctx goes on: it fails, reason exited, once ctx is
// done. It fits a context by which a part of the process lives, such as that of
// an errgroup. A nil ctx is an error of [New] and [Health.Add].
func ContextAlive(ctx context.Context) Checker { return contextCheck{ctx} }

type contextCheck struct {
	ctx context.Context //nolint:containedctx // it is what the check looks at
}

func (c contextCheck) validate() error {
	if c.ctx == nil {
		return errors.New("no context")
	}
	return nil
}

func (c contextCheck) Check(context.Context) error {
	if c.ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(c.ctx)
	return Reason(reasonExited, fmt.Errorf("health: context ended: %w", cause))
}
