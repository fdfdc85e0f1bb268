package idempotencytest

import (
	"net/http"
	"strconv"

	"github.com/stretchr/testify/assert"
)

func policyRules() []rule {
	return []rule{
		{
			name:    "a final answer is kept, whatever its status",
			explain: "A client that was told 404 or 422 must be told so again, or it cannot know what became of its request.",
			run: func(s *subject) {
				for _, status := range []int{200, 202, 302, 400, 404, 409, 410, 422} {
					s.keeps(status)
				}
			},
		},
		{
			name:    "an answer that may be different next time is not kept",
			explain: "After 401, 429 or 5xx a retry is meant to run. A stored one would fail for as long as records live.",
			run: func(s *subject) {
				for _, status := range []int{401, 403, 425, 429, 500, 502, 503} {
					s.keeps(status)
				}
			},
		},
		{
			name:    "a request body over the cap is refused",
			explain: "Bodies of keyed requests are held in memory: without a cap one client can take all of it.",
			run:     requestCap,
		},
	}
}

// keeps asserts that a response with status is kept, or not, as the service is
// configured.
func (s *subject) keeps(status int) {
	s.runs.Store(0)
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		writeString(w, "run "+strconv.FormatInt(s.runs.Load(), 10))
	})
	key := newKey()
	first := s.post(key)
	s.fresh(first, status)
	again := s.post(key)
	if s.stored(status) {
		s.replayOf(first, again)
		s.ran(1, "status", status)
		return
	}
	s.fresh(again, status)
	s.ran(2, "status", status)
}

func (s *subject) stored(status int) bool {
	if s.Config.StoreResponse != nil {
		return s.Config.StoreResponse(status, http.Header{})
	}
	return status < 500 && status != 401 && status != 403 && status != 425 && status != 429
}

func requestCap(s *subject) {
	limit := s.Config.MaxRequestBody
	if limit < 0 {
		s.skipf("Config.MaxRequestBody is off")
	}
	for _, announced := range []bool{true, false} {
		c := s.call(newKey())
		c.say(string(make([]byte, limit+1)))
		c.header.Set("Expect", "100-continue") // nothing is sent that nobody reads
		if !announced {
			c.length = -1
		}
		// A server that closes the connection before the body is sent may cut
		// off its own answer.
		if got := s.try(c); got.err == nil {
			s.refused(got, http.StatusRequestEntityTooLarge)
		} else {
			assert.False(s, announced, "no answer: %v", got.err)
		}
	}
	s.ran(0)
}
