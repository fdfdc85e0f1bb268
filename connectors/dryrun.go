package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bracework/bracework/internal/httpx"
)

const maxDryRunBody = 1 << 20

// DryRunHandler serves dry runs in plan mode:
//
//	POST {"action_type":"slack_message","config_json":"{...}","payload":{...}}
//
// answers 200 with a [Result] and the header X-Dry-Run: true. The payload may
// be left out. A body that is not of this form, an unknown action type, a
// config_json that is no JSON object and a ?mode= other than plan are 400,
// another method 405, more than 1 MiB 413, all as application/problem+json.
func (g *Registry) DryRunHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			httpx.WriteProblem(w, httpx.Problem{Type: httpx.ProblemBase + "method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed})
			return
		}
		body, err := httpx.ReadBody(r, maxDryRunBody)
		if errors.Is(err, httpx.ErrBodyTooLarge) {
			httpx.WriteProblem(w, httpx.Problem{Type: httpx.ProblemBase + "request-body-too-large", Title: "Request body too large", Status: http.StatusRequestEntityTooLarge})
			return
		}
		a, payload, ok := parseDryRun(body)
		if mode := r.URL.Query().Get("mode"); err != nil || !ok || mode != "" && mode != "plan" {
			httpx.WriteProblem(w, httpx.Problem{
				Type: httpx.ProblemBase + "dry-run-invalid", Title: "Dry run invalid", Status: http.StatusBadRequest,
				Detail: `Send {"action_type":"...","config_json":"{...}"}, config_json a string with a JSON object; the only mode is plan.`,
			})
			return
		}
		result, err := g.DryRun(r.Context(), a, payload)
		if err != nil {
			httpx.WriteProblem(w, httpx.Problem{Type: httpx.ProblemBase + "action-type-unknown", Title: "Unknown action type", Status: http.StatusBadRequest})
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Dry-Run", "true")
		_ = json.NewEncoder(w).Encode(result)
	})
}

// parseDryRun reads the body of a dry run.
func parseDryRun(body []byte) (a Action, payload []byte, ok bool) {
	var req struct {
		ActionType string          `json:"action_type"`
		ConfigJSON *string         `json:"config_json"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(body, &req) != nil || req.ActionType == "" || req.ConfigJSON == nil {
		return Action{}, nil, false
	}
	config := bytes.TrimSpace([]byte(*req.ConfigJSON))
	if len(config) == 0 || config[0] != '{' || !json.Valid(config) {
		return Action{}, nil, false
	}
	if len(req.Payload) > 0 && string(req.Payload) != "null" {
		payload = req.Payload
	}
	return Action{Type: req.ActionType, Config: config}, payload, true
}
