package health

import (
	"io"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/internal/httpx"
)

// Paths of the endpoints.
const (
	pathHealth  = "/health"
	pathLive    = "/health/live"
	pathReady   = "/health/ready"
	pathStartup = "/health/startup"
)

const (
	bodyAlive    = `{"status":"alive"}` + "\n"
	bodyReady    = `{"status":"ready"}` + "\n"
	bodyStarted  = `{"status":"started"}` + "\n"
	bodyStarting = `{"status":"starting"}` + "\n"
)

// Handler serves every endpoint at its path, and a problem document with
// status 404 at any other.
func (h *Health) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case pathHealth:
			h.serveHealth(w, r)
		case pathLive:
			h.serveLive(w, r)
		case pathReady:
			h.serveReady(w, r)
		case pathStartup:
			h.serveStartup(w, r)
		default:
			notFound(w)
		}
	})
}

// Register adds every endpoint to mux. Paths below /health/ that are no
// endpoint, those with a trailing slash included, are 404 and never a redirect.
// The patterns name no method, so that a wrong one is answered here; a
// catch-all of mux must therefore be "/", not "GET /", with which they would
// conflict, and conflicts panic, as with [http.ServeMux.Handle].
func (h *Health) Register(mux *http.ServeMux) {
	all := h.Handler()
	mux.Handle(pathHealth, all)
	mux.Handle(pathHealth+"/", all)
}

// Live serves the liveness probe at whatever path it is mounted. It runs no
// checks and answers 200.
func (h *Health) Live() http.Handler { return http.HandlerFunc(h.serveLive) }

// Ready serves the readiness probe at whatever path it is mounted. It runs the
// critical checks without [Check.NotForReady]; while the service starts or
// drains it answers 503 at once.
func (h *Health) Ready() http.Handler { return http.HandlerFunc(h.serveReady) }

// Startup serves the startup probe at whatever path it is mounted: 503 until
// [Health.MarkStarted] when [Config.Starting] is set, else 200. It runs no
// checks.
func (h *Health) Startup() http.Handler { return http.HandlerFunc(h.serveStartup) }

func (h *Health) serveHealth(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	rep := h.Evaluate(r.Context())
	status := http.StatusOK
	if rep.Status == StatusUnhealthy {
		status = http.StatusServiceUnavailable
	}
	answer(w, r, status, string(rep.appendJSON(make([]byte, 0, 512))))
}

func (h *Health) serveLive(w http.ResponseWriter, r *http.Request) {
	if allowed(w, r) {
		answer(w, r, http.StatusOK, bodyAlive)
	}
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	if reason := h.notReady(r.Context()); reason != "" {
		answer(w, r, http.StatusServiceUnavailable, `{"status":"not_ready","reason":"`+reason+`"}`+"\n")
		return
	}
	answer(w, r, http.StatusOK, bodyReady)
}

func (h *Health) serveStartup(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	if _, st := h.current(); st.starting {
		answer(w, r, http.StatusServiceUnavailable, bodyStarting)
		return
	}
	answer(w, r, http.StatusOK, bodyStarted)
}

// answer sends the same header for GET and HEAD.
func answer(w http.ResponseWriter, r *http.Request, status int, body string) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Type", "application/json")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// allowed refuses any method but GET and HEAD.
func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Allow", "GET, HEAD")
	httpx.WriteProblem(w, httpx.Problem{
		Type:   httpx.ProblemBase + "method-not-allowed",
		Title:  "Method not allowed",
		Status: http.StatusMethodNotAllowed,
		Detail: "Use one of the methods of the Allow header.",
	})
	return false
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	httpx.WriteProblem(w, httpx.Problem{
		Type:   httpx.ProblemBase + "health-endpoint-unknown",
		Title:  "Health endpoint unknown",
		Status: http.StatusNotFound,
		Detail: "The endpoints are /health, /health/live, /health/ready and /health/startup, without a trailing slash.",
	})
}
