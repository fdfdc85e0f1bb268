package health

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// Paths of the endpoints.
const (
	pathHealth  = "/health"
	pathLive    = "/health/live"
	pathReady   = "/health/ready"
	pathStartup = "/health/startup"
	pathMetrics = "/health/metrics"
	pathGroup   = "/health/group/"
)

const (
	bodyAlive    = `{"status":"alive"}` + "\n"
	bodyDead     = `{"status":"dead"}` + "\n"
	bodyReady    = `{"status":"ready"}` + "\n"
	bodyStarted  = `{"status":"started"}` + "\n"
	bodyStarting = `{"status":"starting"}` + "\n"
)

// Handler serves every endpoint at its path, and a problem document with
// status 404 at any other.
func (h *Health) Handler() http.Handler { return http.HandlerFunc(h.serve) }

// Middleware serves every endpoint and passes requests for other paths to next.
// It stands outside of everything else, before the router.
func (h *Health) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathHealth || strings.HasPrefix(r.URL.Path, pathHealth+"/") {
			h.serve(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Register adds every endpoint to mux. Paths below /health/ that are no
// endpoint, those with a trailing slash included, are 404 and never a redirect;
// only what mux itself cleans, such as /health//live, it redirects.
// The patterns name no method, so that a wrong one is answered here; a
// catch-all of mux must therefore be "/", not "GET /", with which they would
// conflict, and conflicts panic, as with [http.ServeMux.Handle]. For such a mux
// there is [Health.Middleware]. A pattern of one path, such as
// "/health/metrics" behind a layer that authenticates, goes before these.
func (h *Health) Register(mux *http.ServeMux) {
	all := h.Handler()
	mux.Handle(pathHealth, all)
	mux.Handle(pathHealth+"/", all)
}

// Live serves the liveness probe at whatever path it is mounted. It runs the
// checks with [Check.ForLive] and answers 503 when one fails; without such
// checks, and while the service drains, it answers 200.
func (h *Health) Live() http.Handler { return http.HandlerFunc(h.serveLive) }

// Ready serves the readiness probe at whatever path it is mounted. It runs the
// critical checks without [Check.NotForReady]; while the service starts or
// drains it answers 503 at once.
func (h *Health) Ready() http.Handler { return http.HandlerFunc(h.serveReady) }

// Startup serves the startup probe at whatever path it is mounted: 503 until
// [Health.MarkStarted] when [Config.Starting] is set, else 200. It runs no
// checks.
func (h *Health) Startup() http.Handler { return http.HandlerFunc(h.serveStartup) }

// Metrics serves the last known results in the text format of Prometheus,
// version 0.0.4, at whatever path it is mounted. It runs no checks. The series are
//
//	health_up, health_ready, health_draining
//	health_check_up{check,critical}          critical is "false" for an optional check
//	health_check_status{check,status}        1 for one of ok, degraded, failed, timeout, stale, unknown
//	health_check_duration_seconds{check}     of the last run
//	health_check_last_run_timestamp_seconds{check}, health_check_last_success_timestamp_seconds{check}
//	health_check_stuck{check}                1 while a run outlives its timeout
//	health_check_runs_total{check,result}    result is ok, degraded, failed or timeout
func (h *Health) Metrics() http.Handler { return http.HandlerFunc(h.serveMetrics) }

func (h *Health) serve(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; path {
	case pathHealth:
		h.serveHealth(w, r)
	case pathLive:
		h.serveLive(w, r)
	case pathReady:
		h.serveReady(w, r)
	case pathStartup:
		h.serveStartup(w, r)
	case pathMetrics:
		h.serveMetrics(w, r)
	default:
		group, _ := strings.CutPrefix(path, pathGroup)
		if _, ok := h.set.Load().groups[group]; !ok {
			notFound(w)
			return
		}
		h.serveGroup(w, r, group)
	}
}

func (h *Health) serveHealth(w http.ResponseWriter, r *http.Request) {
	if allowed(w, r) {
		s := h.set.Load()
		h.answerHealth(w, r, s, s.all)
	}
}

func (h *Health) serveGroup(w http.ResponseWriter, r *http.Request, group string) {
	if allowed(w, r) {
		s := h.set.Load()
		h.answerHealth(w, r, s, s.groups[group])
	}
}

func (h *Health) answerHealth(w http.ResponseWriter, r *http.Request, s *set, entries []*entry) {
	sc := h.borrow()
	defer h.giveBack(sc)
	sc.readings = h.read(r.Context(), s, entries, sc.readings)
	readings, now := sc.readings, time.Now()
	status := h.sum(readings).status
	code := http.StatusOK
	switch status {
	case StatusUnhealthy:
		code = http.StatusServiceUnavailable
	case StatusDegraded:
		code = h.cfg.StatusDegraded
	}
	if wantsDraft(r.Header["Accept"]) {
		if status == StatusDegraded {
			code = http.StatusOK
		}
		sc.body = append(appendJSON(sc.body, h.draft(status, readings, now, h.mayDetail(r))), '\n')
		w.Header().Add("Vary", "Accept")
		answer(w, r, code, draftType, sc.body)
		return
	}
	sc.body = h.appendHealth(sc.body, status, readings, now)
	if h.cfg.Details != nil && wantsDetails(r) && h.mayDetail(r) {
		sc.body = appendDetails(sc.body, readings)
	}
	sc.body = append(sc.body, "}\n"...)
	answer(w, r, code, "application/json", sc.body)
}

// mayDetail asks the authoriser. One that panics refuses.
func (h *Health) mayDetail(r *http.Request) (ok bool) {
	if h.cfg.Details == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return h.cfg.Details(r)
}

func (h *Health) serveLive(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	if !h.Alive(r.Context()) {
		constant(w, r, http.StatusServiceUnavailable, bodyDead)
		return
	}
	constant(w, r, http.StatusOK, bodyAlive)
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	s := h.set.Load()
	reason := s.notReady()
	if reason == "" && !h.pass(s, s.ready) {
		sc := h.borrow()
		defer h.giveBack(sc)
		sc.readings = h.read(r.Context(), s, s.ready, sc.readings)
		reason = h.sum(sc.readings).notReady
	}
	if reason != "" {
		constant(w, r, http.StatusServiceUnavailable, `{"status":"not_ready","reason":"`+reason+`"}`+"\n")
		return
	}
	constant(w, r, http.StatusOK, bodyReady)
}

func (h *Health) serveStartup(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	if h.set.Load().starting {
		constant(w, r, http.StatusServiceUnavailable, bodyStarting)
		return
	}
	constant(w, r, http.StatusOK, bodyStarted)
}

func (h *Health) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if allowed(w, r) {
		answer(w, r, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", appendMetrics(nil, h.Snapshot()))
	}
}

func (h *Health) borrow() *scratch {
	sc, ok := h.scratch.Get().(*scratch)
	if !ok {
		return new(scratch)
	}
	return sc
}

func (h *Health) giveBack(sc *scratch) {
	clear(sc.readings[:cap(sc.readings)]) // it must not keep removed checks alive
	sc.readings, sc.body = sc.readings[:0], sc.body[:0]
	h.scratch.Put(sc)
}

// answer sends the same header for GET and HEAD.
func answer(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	header(w, contentType, len(body))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// constant is answer for a body that needs no buffer.
func constant(w http.ResponseWriter, r *http.Request, status int, body string) {
	header(w, "application/json", len(body))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// header sets four fields for the price of one allocation.
func header(w http.ResponseWriter, contentType string, length int) {
	values := [...]string{"no-store", "nosniff", contentType, strconv.Itoa(length)}
	head := w.Header()
	head["Cache-Control"] = values[0:1:1]
	head["X-Content-Type-Options"] = values[1:2:2]
	head["Content-Type"] = values[2:3:3]
	head["Content-Length"] = values[3:4:4]
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
		Detail: "The endpoints are /health, /health/live, /health/ready, /health/startup, /health/metrics and /health/group/{name}, without a trailing slash.",
	})
}
