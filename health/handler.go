package health

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// Register mounts all endpoints. What is below /health/ and is none of them is
// 404; nothing redirects.
func (h *Health) Register(mux *http.ServeMux) {
	handler := h.Handler()
	mux.Handle("/health", handler)
	mux.Handle("/health/", handler)
}

// Handler serves all endpoints under their paths.
func (h *Health) Handler() http.Handler {
	live, ready, startup, health := h.Live(), h.Ready(), h.Startup(), probe(h.health)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			health.ServeHTTP(w, r)
		case "/health/live":
			live.ServeHTTP(w, r)
		case "/health/ready":
			ready.ServeHTTP(w, r)
		case "/health/startup":
			startup.ServeHTTP(w, r)
		default:
			w.Header().Set("Cache-Control", "no-store")
			httpx.WriteProblem(w, httpx.Problem{Type: httpx.ProblemBase + "not-found", Title: "Not found", Status: http.StatusNotFound})
		}
	})
}

// Live answers 200: the process is alive.
func (h *Health) Live() http.Handler {
	return probe(func(*http.Request) (int, []byte) { return http.StatusOK, []byte(`{"status":"alive"}` + "\n") })
}

// Ready answers 200 when the service can take requests, else 503 with the
// reason.
func (h *Health) Ready() http.Handler {
	return probe(func(r *http.Request) (int, []byte) {
		report := h.Evaluate(r.Context())
		if report.Ready {
			return http.StatusOK, []byte(`{"status":"ready"}` + "\n")
		}
		return http.StatusServiceUnavailable, []byte(`{"status":"not_ready","reason":"` + report.Reason + `"}` + "\n")
	})
}

// Startup answers 503 until [Health.MarkStarted] if the service was made with
// Starting, then 200.
func (h *Health) Startup() http.Handler {
	return probe(func(*http.Request) (int, []byte) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !h.started {
			return http.StatusServiceUnavailable, []byte(`{"status":"starting"}` + "\n")
		}
		return http.StatusOK, []byte(`{"status":"started"}` + "\n")
	})
}

func (h *Health) health(r *http.Request) (int, []byte) {
	report := h.Evaluate(r.Context())
	status := http.StatusOK
	if report.Status == Unhealthy {
		status = http.StatusServiceUnavailable
	}
	return status, report.appendJSON(make([]byte, 0, 256))
}

// appendJSON writes the members in the order that is the contract. Names of
// checks need no escaping.
func (r Report) appendJSON(b []byte) []byte {
	b = append(b, `{"status":"`...)
	b = append(b, r.Status...)
	b = append(b, `","version":`...)
	version, err := json.Marshal(r.Version)
	if err != nil {
		version = []byte(`""`) // cannot happen: it is a string
	}
	b = append(b, version...)
	b = append(b, `,"uptime":"`...)
	b = append(b, r.Uptime.Truncate(time.Second).String()...)
	b = append(b, `","timestamp":"`...)
	b = r.Timestamp.AppendFormat(b, time.RFC3339)
	b = append(b, `","checks":{`...)
	for i, c := range r.Checks {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, c.Name...)
		b = append(b, `":"`...)
		b = append(b, c.Value...)
		b = append(b, '"')
	}
	return append(b, "}}\n"...)
}

// probe answers GET and HEAD.
func probe(answer func(*http.Request) (int, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			httpx.WriteProblem(w, httpx.Problem{Type: httpx.ProblemBase + "method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed})
			return
		}
		status, body := answer(r)
		h.Set("Content-Type", "application/json")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
}
