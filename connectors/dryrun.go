package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrConfigForm is the error for a configuration that is not a JSON object.
var ErrConfigForm = errors.New("connectors: the configuration is not a JSON object")

// ErrDryRunMode is the error for a mode that does not exist, or is not among
// [RegistryConfig.Modes].
var ErrDryRunMode = errors.New("connectors: the mode of the dry run is not supported")

// Mode is how far a dry run goes.
type Mode string

// The modes of a dry run. Only [ModeSend] acts.
const (
	// ModePlan renders and validates the action, and shows the request that it
	// would make. It opens no connection. It is the default.
	ModePlan Mode = "plan"
	// ModeProbe asks the connector to test its connection with one harmless call
	// ([Connector.Test]). The action itself is not looked at: its configuration
	// may be empty.
	ModeProbe Mode = "probe"
	// ModeSend renders the action and executes it for real.
	ModeSend Mode = "send"
)

func allModes() []Mode { return []Mode{ModePlan, ModeProbe, ModeSend} }

// DryRunRequest is what [Registry.DryRunHandler] reads.
type DryRunRequest struct {
	ActionType string `json:"action_type"`
	// ConfigJSON is the text of a JSON object, with its placeholders.
	ConfigJSON string `json:"config_json"`
	// Payload is the JSON that fills the placeholders. Without it, or with null,
	// nothing is rendered.
	Payload json.RawMessage `json:"payload,omitempty"`
	// Mode is how far to go. Default: [ModePlan].
	Mode Mode `json:"mode,omitempty"`
}

// UnmarshalJSON reads an object whose members have exactly these names, each once
// at most. [json.Unmarshal] would also take a name in other letters, and the last of
// several members: a gateway that reads "plan" might pass on what sends. Members
// with other names have no meaning.
func (req *DryRunRequest) UnmarshalJSON(b []byte) error {
	members := map[string]json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(b))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("connectors: the dry run is not a JSON object")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		if _, twice := members[key]; twice {
			return errors.New("connectors: a member of the dry run is given twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		members[key] = value
	}
	*req = DryRunRequest{Payload: members["payload"]}
	for key, field := range map[string]any{"action_type": &req.ActionType, "config_json": &req.ConfigJSON, "mode": &req.Mode} {
		if value, ok := members[key]; ok {
			if err := json.Unmarshal(value, field); err != nil {
				return err
			}
		}
	}
	return nil
}

// DryRun does as much of an action as the mode says. The modes plan and probe
// change nothing; neither takes a token of a limiter, counts in a circuit breaker,
// or writes a record.
//
// In mode plan it returns what executing the action would do. With a payload it
// renders the configuration and validates it whole. Without one it validates what
// does not depend on the placeholders, and the message lists the paths that a
// payload must have.
//
// In mode probe it returns what [Connector.Test] does, under [ProbeContext].
//
// In mode send it renders the configuration and executes the action, as
// [Registry.Render] and [Registry.Execute] would, and Result.DryRun is false.
// A configuration that has placeholders needs a payload, and so does every one if
// [RegistryConfig.Render] is set and [RegistryConfig.Paths] is not.
//
// An action that could not be executed is a Result without Success. The error is
// [ErrDryRunMode], [ErrConfigForm], or that of Resolve unless it is an [*Error].
// A panic of the connector, or of a function of the configuration, passes through.
func (g *Registry) DryRun(ctx context.Context, req DryRunRequest) (Result, error) {
	start := time.Now()
	if req.Mode == "" {
		req.Mode = ModePlan
	}
	if !slices.Contains(g.cfg.Modes, req.Mode) {
		return Result{}, ErrDryRunMode
	}
	config, ok := object(req.ConfigJSON)
	if !ok {
		return Result{}, ErrConfigForm
	}
	if req.Mode == ModePlan {
		ctx = withoutNetwork(ctx)
	}
	c, err := g.resolve(ctx, req.ActionType)
	if _, shown := errors.AsType[*Error](err); err != nil && !shown {
		return Result{}, err
	}
	var r Result
	a := Action{Type: req.ActionType, Config: config}
	switch {
	case err != nil:
		r = NewResult(start, "", err)
	case req.Mode == ModeProbe:
		r = c.Test(ProbeContext(ctx)).timed(start)
	case req.Mode == ModeSend:
		r = g.send(ctx, start, c, a, req.payload())
	default:
		var plan Plan
		var note string
		plan, note, err = g.plan(ctx, c, a, req.payload())
		if r = NewResult(start, plan.Summary+note, err); err == nil {
			r.Plan = &plan
		}
	}
	r.DryRun = req.Mode != ModeSend
	return r, nil
}

// send renders an action and executes it.
func (g *Registry) send(ctx context.Context, start time.Time, c Connector, a Action, payload []byte) Result {
	a, err := g.rendered(ctx, c, a, payload)
	if err != nil {
		return NewResult(start, "", err)
	}
	r, err := c.Execute(ctx, a)
	if err != nil {
		return NewResult(start, "", err)
	}
	return r.timed(start)
}

// rendered returns an action that can be executed.
func (g *Registry) rendered(ctx context.Context, c Connector, a Action, payload []byte) (Action, error) {
	if g.cfg.Render == nil {
		return a, nil
	}
	var err error
	if payload == nil {
		if err = g.needsPayload(c, a.Config); err != nil {
			return a, err
		}
		payload = []byte("{}")
	}
	if a.Config, err = g.cfg.Render(ctx, a.Config, payload); err != nil {
		return a, unrenderable(c, "send", "render_failed", err)
	}
	return a, nil
}

// needsPayload returns an error if a configuration has placeholders, or may have.
// No payload is made up for them: what renders might put nothing in their place,
// and the result would be sent.
func (g *Registry) needsPayload(c Connector, config []byte) error {
	message := "a payload is needed to render the configuration"
	if g.cfg.Paths != nil {
		paths, err := g.cfg.Paths(config)
		if err != nil {
			return unrenderable(c, "send", "template_invalid", err)
		}
		if len(paths) == 0 {
			return nil
		}
		message = "a payload must have " + cut(strings.Join(paths, ", "))
	}
	return &Error{Connector: c.Name(), Op: "send", Kind: KindInvalid, Code: "payload_missing", Message: message, Unsent: true}
}

// plan prepares an action and asks its connector. The note says what could not be
// checked.
func (g *Registry) plan(ctx context.Context, c Connector, a Action, payload []byte) (plan Plan, note string, err error) {
	switch {
	case g.cfg.Render == nil:
	case payload != nil:
		a.Config, err = g.cfg.Render(ctx, a.Config, payload)
		if err != nil {
			return Plan{}, "", unrenderable(c, "plan", "render_failed", err)
		}
	default:
		a.Unrendered = true
		if note, err = g.missing(a.Config); err != nil {
			return Plan{}, "", unrenderable(c, "plan", "template_invalid", err)
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
func unrenderable(c Connector, op, code string, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return &Error{Connector: c.Name(), Op: op, Kind: KindInvalid, Code: code, Message: cut(err.Error()), Unsent: true}
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
