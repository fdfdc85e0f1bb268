package connectors

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/bracework/bracework/internal/httpx"
)

// maxDryRunBody is the largest dry run that [Registry.DryRunHandler] reads.
const maxDryRunBody = 1 << 20

// DryRunHandler serves [Registry.DryRun] in plan mode:
//
//	POST {"action_type":"slack_message","config_json":"{...}","payload":{...}}
//
// The answer is 200 with the [Result] and X-Dry-Run: true, also when the action
// could not be executed. The payload is optional, and so is the query mode=plan;
// no other mode is served.
//
// Refusals are problem documents (RFC 9457): 405 for another method, 413 for a
// body over 1 MiB, 400 for another mode, for a body that is not of this form, for
// a config_json that is not the text of a JSON object, and for an unknown action
// type; 503 when Resolve fails. A list of paths is cut after 8 KiB.
//
// Who may ask is for the service to decide: an answer shows the rendered
// configuration.
func (g *Registry) DryRunHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		req, refusal := readDryRun(r)
		if refusal != nil {
			if refusal.Status == http.StatusMethodNotAllowed {
				h.Set("Allow", http.MethodPost)
			}
			httpx.WriteProblem(w, *refusal)
			return
		}
		result, err := g.DryRun(r.Context(), req)
		if err != nil {
			httpx.WriteProblem(w, refusalOf(err))
			return
		}
		h.Set("Content-Type", "application/json")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Dry-Run", "true")
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(result)
	})
}

func readDryRun(r *http.Request) (DryRunRequest, *httpx.Problem) {
	var req DryRunRequest
	if r.Method != http.MethodPost {
		return req, &httpx.Problem{Type: httpx.ProblemBase + "method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed}
	}
	if !planMode(r.URL.RawQuery) {
		return req, &httpx.Problem{
			Type: httpx.ProblemBase + "dry-run-mode-unsupported", Title: "Dry run mode unsupported", Status: http.StatusBadRequest,
			Detail: "The only mode is plan. Leave the parameter out, or send mode=plan.",
		}
	}
	body, err := httpx.ReadBody(r, maxDryRunBody)
	switch {
	case errors.Is(err, httpx.ErrBodyTooLarge):
		return req, &httpx.Problem{Type: httpx.ProblemBase + "request-body-too-large", Title: "Request body too large", Status: http.StatusRequestEntityTooLarge}
	case err != nil:
		return req, &httpx.Problem{Type: httpx.ProblemBase + "request-body-unreadable", Title: "Request body unreadable", Status: http.StatusBadRequest}
	}
	if json.Unmarshal(body, &req) != nil || req.ActionType == "" {
		p := refusalOf(ErrConfigForm)
		return req, &p
	}
	return req, nil
}

// planMode reports whether a query asks for no other mode. A query that cannot be
// parsed may ask for anything.
func planMode(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	for _, mode := range values["mode"] {
		if mode != "plan" {
			return false
		}
	}
	return true
}

func refusalOf(err error) httpx.Problem {
	switch {
	case errors.Is(err, ErrConfigForm):
		return httpx.Problem{
			Type: httpx.ProblemBase + "dry-run-invalid", Title: "Dry run invalid", Status: http.StatusBadRequest,
			Detail: `Send {"action_type":"...","config_json":"{...}"}. The value of config_json is a string that holds a JSON object.`,
		}
	case errors.Is(err, ErrUnknownAction):
		return httpx.Problem{Type: httpx.ProblemBase + "action-type-unknown", Title: "Unknown action type", Status: http.StatusBadRequest}
	default:
		return httpx.Problem{
			Type: httpx.ProblemBase + "action-unavailable", Title: "Action unavailable", Status: http.StatusServiceUnavailable,
			Detail: "The action could not be looked up. Nothing ran. Retry later.",
		}
	}
}
