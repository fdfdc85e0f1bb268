package idempotencytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func responseRules() []rule {
	return []rule{
		{
			name:    "responses without a body keep their status",
			explain: "A DELETE answered with 204 has to be 204 when it is retried.",
			run:     withoutBody,
		},
		{
			name:    "the first status counts",
			explain: "A recorder that takes the last status replays another response than the first client got.",
			run:     firstStatus,
		},
		{
			name:    "an interim status is not the status",
			explain: "103 Early Hints precedes the response. A recorder that takes it for the response loses the status that follows.",
			run:     interimStatus,
		},
		{
			name:    "a header that is changed after the first byte changes nothing",
			explain: "The first client can no longer see it, so the retry must not.",
			run:     lateHeader,
		},
		{
			name:    "a body that is copied from a reader keeps its status",
			explain: "io.Copy looks for a shortcut to the connection: it must not go round the recorder.",
			run:     copiedBody,
		},
		{
			name:    "a response over the cap is sent whole and its retry never runs",
			explain: "Not to keep a large response is a limit; to run the request again because of it would be a bug.",
			run:     responseCap,
		},
		{
			name:    "a response that was cut off is not replayed as a whole one",
			explain: "The first client has seen that something is missing. The retry must not take half of a response for all of it.",
			run:     cutOff,
		},
		{
			name:    "a reverse proxy is asked once",
			explain: "httputil.ReverseProxy flushes responses of unknown length. A recorder that gives up then lets the retry reach the upstream again.",
			run:     behindProxy,
		},
	}
}

// twice sends the usual request and its retry, and asserts that the second is
// the first one's replay.
func (s *subject) twice(status int) (first, again reply) {
	s.runs.Store(0)
	key := newKey()
	first = s.post(key)
	s.fresh(first, status)
	again = s.post(key)
	s.replayOf(first, again)
	s.ran(1)
	return first, again
}

func withoutBody(s *subject) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified, http.StatusOK} {
		s.handle(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Idempotencytest", "kept")
			if status != http.StatusOK {
				w.WriteHeader(status)
			}
		})
		if !s.stored(status) {
			continue
		}
		first, again := s.twice(status)
		assert.Empty(s, first.body)
		assert.Equal(s, "kept", again.header.Get("X-Idempotencytest"))
		if status == http.StatusNoContent {
			assert.Empty(s, again.header.Get("Content-Length"), "RFC 9110 section 8.6 forbids it here")
		}
	}
}

func firstStatus(s *subject) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		writeString(w, "created")
		w.WriteHeader(http.StatusInternalServerError)
	})
	s.twice(http.StatusCreated)
}

func interimStatus(s *subject) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		writeString(w, "created")
	})
	s.twice(http.StatusCreated)
}

func lateHeader(s *subject) {
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Idempotencytest-Early", "early")
		s.answer(w, r)
		w.Header().Set("X-Idempotencytest-Early", "changed")
		w.Header().Set("X-Idempotencytest-Late", "late")
	})
	first, again := s.twice(http.StatusCreated)
	for _, got := range []reply{first, again} {
		assert.Equal(s, "early", got.header.Get("X-Idempotencytest-Early"))
		assert.Empty(s, got.header.Get("X-Idempotencytest-Late"))
	}
}

func copiedBody(s *subject) {
	body := strings.Repeat("copied ", 10_000)
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		// Without its WriteTo, strings.Reader would not be asked to fill w.
		_, _ = io.Copy(w, struct{ io.Reader }{strings.NewReader(body)})
	})
	first, _ := s.twice(http.StatusCreated)
	if first.body != body {
		s.Errorf("The first response has %d bytes, the endpoint has written %d", len(first.body), len(body))
	}
}

func responseCap(s *subject) {
	limit := s.Config.MaxResponseBody
	if limit < 0 {
		s.skipf("Config.MaxResponseBody is off")
	}
	half, rest := string(make([]byte, limit/2)), string(make([]byte, limit-limit/2+1))
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		writeString(w, half)
		writeString(w, rest)
	})
	key := newKey()
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	if got := int64(len(first.body)); got != limit+1 {
		s.Errorf("The first response has %d bytes, the endpoint has written %d", got, limit+1)
	}
	s.unavailable(s.post(key))
	s.ran(1)
}

func cutOff(s *subject) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusCreated)
		writeString(w, "half") // and then its source failed
	})
	key := newKey()
	// What an outer layer makes of it is its own affair; the retry is not.
	_ = s.try(s.call(key))
	s.unavailable(s.post(key))
	s.ran(1)
}

func behindProxy(s *subject) {
	var hits atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		w.Header().Set("X-Idempotencytest", r.Method)
		w.WriteHeader(http.StatusCreated)
		for range 3 {
			writeString(w, "line\n")
			_ = http.NewResponseController(w).Flush() // its length stays unknown
		}
	}))
	s.t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	require.NoError(s, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: upstream.Client().Transport,
	}
	s.handle(proxy.ServeHTTP)
	first, again := s.twice(http.StatusCreated)
	assert.Equal(s, "line\nline\nline\n", first.body)
	assert.Equal(s, s.Method, again.header.Get("X-Idempotencytest"))
	assert.EqualValues(s, 1, hits.Load(), "requests at the upstream")
}
