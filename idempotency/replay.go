package idempotency

import (
	"net/http"
	"strconv"
)

// replay answers with a recorded response. It sets headers, where an outer
// layer has set the same one too, and merges Vary.
func (m *Middleware) replay(w http.ResponseWriter, r *http.Request, resp response) {
	h := w.Header()
	for _, line := range resp.header {
		if line.name == "Vary" {
			mergeVary(h, line.values)
		} else {
			h[line.name] = line.values
		}
	}
	own := make([]string, 1, 2) // one allocation for both values
	own[0] = "true"
	h[m.cfg.ReplayHeader] = own[:1:1]
	if _, set := h["Content-Type"]; !set {
		h["Content-Type"] = nil // the handler suppressed it; net/http must not guess now
	}
	body := bodyAllowed(resp.status) && r.Method != http.MethodHead
	if body && len(resp.trailer) == 0 && len(h["Trailer"]) == 0 {
		own = append(own, strconv.Itoa(len(resp.body)))
		h["Content-Length"] = own[1:]
	}
	for _, line := range resp.trailer {
		h.Add("Trailer", line.name)
	}
	w.WriteHeader(resp.status)
	if body && len(resp.body) > 0 {
		_, _ = w.Write(resp.body)
	}
	for _, line := range resp.trailer {
		h[line.name] = line.values
	}
}
