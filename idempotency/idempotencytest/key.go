package idempotencytest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
)

func keyRules() []rule {
	return []rule{
		{
			name:    "a key means the same bare and quoted, in one header and in several",
			explain: "Clients of the IETF draft quote their keys, most others do not, and proxies may copy a header.",
			run:     spellingsOfAKey,
		},
		{
			name:    "a key that is malformed, too long or not the only one is refused",
			explain: "A service that guesses which key was meant, or cuts it, gives somebody the response to another request.",
			run:     malformedKeys,
		},
		{
			name:    "another request with a used key is refused",
			explain: "A client that uses a key twice by mistake must not take the old response for one to its new request.",
			run:     otherRequests,
		},
		{
			name:    "tenants never share a key",
			explain: "Keys are chosen by clients, so two tenants will choose the same one. An equal scope hands one the other's response.",
			run:     tenants,
		},
	}
}

// spell returns the usual request, its key spelled as values of the headers.
func (s *subject) spell(headers ...[]string) *call {
	c := s.call("")
	for i, values := range headers {
		if len(values) > 0 {
			c.header[http.CanonicalHeaderKey(s.Config.KeyHeaders[i])] = values
		}
	}
	return c
}

func spellingsOfAKey(s *subject) {
	if s.Config.KeyFunc != nil {
		s.skipf("Config.KeyFunc knows the syntax of keys, the suite does not")
	}
	key := newKey()
	bare, quoted := key, `"`+key+`"`
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	spellings := [][]string{{" " + quoted + "\t"}, {quoted, quoted}}
	if !s.Config.StrictKey {
		spellings = append(spellings, []string{bare}, []string{bare, quoted})
	}
	for _, values := range spellings {
		s.replayOf(first, s.do(s.spell(values)))
	}
	if len(s.Config.KeyHeaders) > 1 {
		s.replayOf(first, s.do(s.spell(nil, []string{quoted})))
		s.replayOf(first, s.do(s.spell([]string{quoted}, []string{quoted})))
		if !s.Config.StrictKey {
			s.replayOf(first, s.do(s.spell([]string{bare}, []string{quoted})))
		}
	}
	s.ran(1)

	longest := `"` + strings.Repeat("k", s.Config.MaxKeyLength) + `"`
	s.fresh(s.do(s.spell([]string{longest})), http.StatusCreated)
}

func malformedKeys(s *subject) {
	if s.Config.KeyFunc != nil {
		s.skipf("Config.KeyFunc knows the syntax of keys, the suite does not")
	}
	malformed := [][]string{
		{`"` + strings.Repeat("k", s.Config.MaxKeyLength+1) + `"`},
		{""},
		{`""`},
		{`"unclosed`},
		{`"k"x`},
		{`"k";a=1`},
		{`"a\n"`},
		{"\"a\tb\""}, // the one control character that net/http lets through
		{`"clé"`},
		{`"a", "b"`}, // two lines that somebody on the way has joined
		{`"a"`, `"b"`},
	}
	if s.Config.StrictKey {
		malformed = append(malformed, []string{"bare"})
	} else {
		malformed = append(malformed, []string{"a b"}, []string{"a,b"}, []string{"a\tb"}, []string{`a"b`}, []string{"clé"})
	}
	for _, values := range malformed {
		got := s.do(s.spell(values))
		if assert.Equal(s, http.StatusBadRequest, got.status, "key %q", values) {
			s.refused(got, http.StatusBadRequest)
		}
	}
	if len(s.Config.KeyHeaders) > 1 {
		s.refused(s.do(s.spell([]string{`"a"`}, []string{`"b"`})), http.StatusBadRequest)
	}
	s.ran(0)
}

func otherRequests(s *subject) {
	key := newKey()
	edits := map[string]func(c *call){
		"body":  func(c *call) { c.say(`{"amount":50}`) },
		"query": func(c *call) { c.target = withQuery(c.target) },
	}
	if s.Config.Fingerprint == nil {
		edits["media type"] = func(c *call) { c.header.Set("Content-Type", "application/merge-patch+json") }
	}
	gate := s.gated()
	running := s.start(s.call(key))
	await(s, gate.entered, "the endpoint")
	for what, edit := range edits {
		c := s.call(key)
		edit(c)
		got := s.do(c)
		assert.Equal(s, http.StatusUnprocessableEntity, got.status, "other %s while the first request is running", what)
		s.refused(got, http.StatusUnprocessableEntity)
	}
	gate.open()
	first := await(s, running, "the first response")
	s.fresh(first, http.StatusCreated)
	for what, edit := range edits {
		c := s.call(key)
		edit(c)
		got := s.do(c)
		assert.Equal(s, http.StatusUnprocessableEntity, got.status, "other %s", what)
		s.refused(got, http.StatusUnprocessableEntity)
	}
	s.otherRoutes(key)
	s.replayOf(first, s.post(key))
	s.ran(1)
}

// otherRoutes sends what the service may not route to the endpoint at all: then
// it is not found, and never answered by replay.
func (s *subject) otherRoutes(key string) {
	refusals := []int{http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusMethodNotAllowed}
	path, query, _ := strings.Cut(s.Path, "?")
	c := s.call(key)
	c.target = strings.TrimSuffix(path, "/") + "/other?" + query
	assert.Contains(s, refusals, s.do(c).status, "other path")
	for _, method := range s.Config.Methods {
		if method == s.Method || !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, method) {
			continue
		}
		c := s.call(key)
		c.method = method
		assert.Contains(s, refusals, s.do(c).status, "method %s", method)
	}
}

func withQuery(target string) string {
	if strings.Contains(target, "?") {
		return target + "&idempotencytest=other"
	}
	return target + "?idempotencytest=other"
}

func tenants(s *subject) {
	if s.SingleTenant {
		s.skipf("Harness.SingleTenant is set")
	}
	key := newKey()
	other := s.call(key)
	other.tenant = 1
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	s.fresh(s.do(other), http.StatusCreated)
	s.replayOf(first, s.post(key))
	s.ran(2)

	key, gate := newKey(), s.gated()
	running := s.start(s.call(key))
	await(s, gate.entered, "the endpoint")
	other = s.call(key)
	other.tenant = 1
	others := s.start(other)
	select {
	case got := <-others:
		s.Errorf("While one tenant's request runs, another's with the same key is answered with %d: %s", got.status, got.body)
		s.FailNow()
	case <-gate.entered:
	}
	gate.open()
	mine, theirs := await(s, running, "one tenant's response"), await(s, others, "the other tenant's response")
	s.fresh(mine, http.StatusCreated)
	s.fresh(theirs, http.StatusCreated)
	s.ran(4)
	s.replayOf(mine, s.post(key))
	s.replayOf(theirs, s.do(other))
}
