package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// ErrConfigForm is the error for a configuration that is not a JSON object.
var ErrConfigForm = errors.New("connectors: the configuration is not a JSON object")

// DryRunRequest is what [Registry.DryRunHandler] reads.
type DryRunRequest struct {
	ActionType string `json:"action_type"`
	// ConfigJSON is the text of a JSON object, with its placeholders.
	ConfigJSON string `json:"config_json"`
	// Payload is the JSON that fills the placeholders. Without it, or with null,
	// nothing is rendered.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// DryRun returns what executing an action would do, and does nothing of it. With
// a payload it renders the configuration and validates it whole. Without one it
// validates what does not depend on the placeholders, and the message lists the
// paths that a payload must have.
//
// An action that could not be executed is a Result without Success. The error is
// [ErrConfigForm], or that of Resolve unless it is an [*Error].
func (g *Registry) DryRun(ctx context.Context, req DryRunRequest) (Result, error) {
	start := time.Now()
	config, ok := object(req.ConfigJSON)
	if !ok {
		return Result{}, ErrConfigForm
	}
	ctx = withoutNetwork(ctx)
	c, err := g.resolve(ctx, req.ActionType)
	if _, shown := errors.AsType[*Error](err); err != nil && !shown {
		return Result{}, err
	}
	var plan Plan
	var note string
	if err == nil {
		plan, note, err = g.plan(ctx, c, Action{Type: req.ActionType, Config: config}, req.payload())
	}
	r := NewResult(start, plan.Summary+note, err)
	if r.DryRun = true; err == nil {
		r.Plan = &plan
	}
	return r, nil
}

// plan prepares an action and asks its connector. The note says what could not be
// checked.
func (g *Registry) plan(ctx context.Context, c Connector, a Action, payload []byte) (plan Plan, note string, err error) {
	switch {
	case g.cfg.Render == nil:
	case payload != nil:
		a.Config, err = g.cfg.Render(ctx, a.Config, payload)
		if err != nil {
			return Plan{}, "", unrenderable(c, "render_failed", err)
		}
	default:
		a.Unrendered = true
		if note, err = g.missing(a.Config); err != nil {
			return Plan{}, "", unrenderable(c, "template_invalid", err)
		}
	}
	plan, err = c.Plan(ctx, a)
	return plan, note, err
}

// missing says what a configuration wants from a payload.
func (g *Registry) missing(config []byte) (note string, err error) {
	if g.cfg.Paths == nil {
		return " (nothing was rendered: there is no payload)", nil
	}
	paths, err := g.cfg.Paths(config)
	if err != nil || len(paths) == 0 {
		return "", err
	}
	return " (nothing was rendered: a payload must have " + cut(strings.Join(paths, ", ")) + ")", nil
}

// unrenderable makes a connector's error of one of the configuration's functions.
func unrenderable(c Connector, code string, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return &Error{Connector: c.Name(), Op: "plan", Kind: KindInvalid, Code: code, Message: cut(err.Error()), Unsent: true}
}

// maxList bounds, in bytes, the list of paths in a message. A configuration can
// name as many as fit into a request, each with its position.
const maxList = 8 << 10

func cut(s string) string {
	if len(s) <= maxList {
		return s
	}
	return strings.ToValidUTF8(s[:maxList], "") + "..."
}

// payload returns the payload, or nil if there is none.
func (req DryRunRequest) payload() []byte {
	trimmed := bytes.TrimSpace(req.Payload)
	if len(trimmed) == 0 || string(trimmed) == "null" {
		return nil
	}
	return trimmed
}

// object returns text if it is a JSON object.
func object(text string) ([]byte, bool) {
	b := bytes.TrimSpace([]byte(text))
	return b, len(b) > 0 && b[0] == '{' && json.Valid(b)
}
