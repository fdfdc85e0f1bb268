package idempotencytest

import (
	"net/http"
	"strings"

	"github.com/stretchr/testify/assert"
)

func headerRules() []rule {
	return []rule{
		{
			name:    "headers of outer layers are those of the request at hand",
			explain: "A replay must not carry the request id or trace of an old request, nor a header twice.",
			run:     outerHeaders,
		},
		{
			name:    "cookies and dates are not replayed",
			explain: "Set-Cookie belongs to the client that got it and may be a session; Date says when a message was sent.",
			run:     headersOfOneMessage,
		},
		{
			name:    "a replay can be read by a client that accepts no compression",
			explain: "With compression inside the middleware the compressed bytes are stored, and sent to whoever retries. Mount it outside.",
			run:     replayIsNegotiated,
		},
	}
}

func outerHeaders(s *subject) {
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(replaced, "by the endpoint")
		s.answer(w, r)
	})
	key := newKey()
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	if first.header.Get(kept) == "" {
		s.skipf("a layer outside drops headers that were set before it")
	}
	again := s.post(key)
	s.replayOf(first, again)
	assert.Equal(s, []string{"1"}, first.header.Values(kept))
	assert.Equal(s, []string{"2"}, again.header.Values(kept))
	for _, got := range []reply{first, again} {
		assert.Equal(s, []string{"by the endpoint"}, got.header.Values(replaced))
	}
}

func headersOfOneMessage(s *subject) {
	const longAgo = "Sun, 06 Nov 1994 08:49:37 GMT"
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", longAgo)
		w.Header().Add("Set-Cookie", "idempotencytest=secret")
		s.answer(w, r)
	})
	key := newKey()
	first, again := s.post(key), s.post(key)
	s.replayOf(first, again)
	for _, line := range again.header.Values("Set-Cookie") {
		assert.NotContains(s, line, "idempotencytest", "Set-Cookie of the endpoint")
	}
	assert.Len(s, again.header.Values("Date"), 1)
	assert.NotEqual(s, longAgo, again.header.Get("Date"))
}

func replayIsNegotiated(s *subject) {
	gzipFirst, identity := s.call(newKey()), s.call("")
	gzipFirst.header.Set("Accept-Encoding", "gzip")
	identity.header = gzipFirst.header.Clone()
	identity.header.Set("Accept-Encoding", "identity")
	s.fresh(s.do(gzipFirst), http.StatusCreated)
	again := s.do(identity)
	assert.Empty(s, again.header.Get("Content-Encoding"))
	assert.Equal(s, `{"run":1}`, again.body)
	assert.True(s, s.isReplay(again))

	identity = s.call(newKey())
	identity.header.Set("Accept-Encoding", "identity")
	first := s.do(identity)
	identity.header.Del("Accept-Encoding") // http.Transport asks for gzip and decodes it
	s.replayOf(first, s.do(identity))
}

// listed returns the members of a header that is a list.
func listed(h http.Header, name string) []string {
	var members []string
	for _, line := range h.Values(name) {
		for member := range strings.SplitSeq(line, ",") {
			members = append(members, http.CanonicalHeaderKey(strings.TrimSpace(member)))
		}
	}
	return members
}
