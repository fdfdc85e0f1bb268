package connectors

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/bracework/bracework/internal/httpx"
)

// maxDryRunBody is the largest dry run that [Registry.DryRunHandler] reads.
const maxDryRunBody = 1 << 20

// DryRunHandler serves [Registry.DryRun]:
//
//	POST {"action_type":"slack_message","config_json":"{...}","payload":{...}}
//	POST ?mode=probe {"action_type":"slack_message","config_json":"{}"}
//
// The answer is 200 with the [Result], also when the action could not be executed,
// and X-Dry-Run: true unless the mode is send. The payload is optional. So is the
// mode, in the query or as the member "mode"; in both it must be the same. Members
// have exactly these names, each once.
//
// Refusals are problem documents (RFC 9457): 405 for another method, 415 for the
// mode send with a Content-Type that is not application/json, 413 for a body over
// 1 MiB, 400 for a mode that is unknown, contradictory or not among
// [RegistryConfig.Modes], for a body that is not of this form, for a config_json
// that is not the text of a JSON object, and for an unknown action type; 503 when
// Resolve fails. A list of paths is cut after 8 KiB.
//
// A form of another site cannot name application/json, so that it sends nothing. A
// script of another site may name no type at all: where cookies authenticate, put
// [http.CrossOriginProtection] around the handler.
//
// Who may ask is for the service to decide: an answer shows the rendered
// configuration, and whoever may use the mode send can send. A request in that
// mode whose end is unclear is answered with 200 too, so that the idempotency
// middleware keeps the answer and a retry does not send again.
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
		if result.DryRun {
			h.Set("X-Dry-Run", "true")
		}
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
	asked, ok := queryMode(r.URL.RawQuery)
	if !ok {
		p := refusalOf(ErrDryRunMode)
		return req, &p
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
	if asked != "" && req.Mode != "" && req.Mode != asked {
		p := refusalOf(ErrDryRunMode)
		return req, &p
	}
	if asked != "" {
		req.Mode = asked
	}
	if req.Mode == ModeSend && !isJSON(r.Header.Values("Content-Type")) {
		return req, &httpx.Problem{
			Type: httpx.ProblemBase + "dry-run-media-type-unsupported", Title: "Media type unsupported", Status: http.StatusUnsupportedMediaType,
			Detail: "The mode send needs Content-Type: application/json. Nothing ran.",
		}
	}
	return req, nil
}

// isJSON reports whether each media type is JSON's. There may be none.
func isJSON(types []string) bool {
	return !slices.ContainsFunc(types, func(given string) bool {
		media, _, err := mime.ParseMediaType(given)
		return err != nil || media != "application/json"
	})
}

// queryMode returns the mode that a query asks for, or "" if it asks for none. A
// query that cannot be parsed may ask for anything, and is not ok; nor is one that
// asks for an empty mode, or for two.
func queryMode(query string) (mode Mode, ok bool) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	for i, value := range values["mode"] {
		if value == "" || i > 0 && Mode(value) != mode {
			return "", false
		}
		mode = Mode(value)
	}
	return mode, true
}

func refusalOf(err error) httpx.Problem {
	switch {
	case errors.Is(err, ErrDryRunMode):
		return httpx.Problem{
			Type: httpx.ProblemBase + "dry-run-mode-unsupported", Title: "Dry run mode unsupported", Status: http.StatusBadRequest,
			Detail: "The modes are plan, probe and send, as far as the service offers them. Send one, or none for plan.",
		}
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
