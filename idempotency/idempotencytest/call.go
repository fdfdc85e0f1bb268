package idempotencytest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// call is a request to the service, as one that the rules vary.
type call struct {
	method string
	target string
	header http.Header
	body   string
	length int64 // -1: not announced
	tenant int
}

// call returns a request with key, as a quoted String, which every
// configuration takes. An empty key is none.
func (s *subject) call(key string) *call {
	c := &call{method: s.Method, target: s.Path, header: http.Header{"Content-Type": {"application/json"}}}
	c.say(`{"amount":5}`)
	if key != "" {
		c.header.Set(s.Config.KeyHeaders[0], `"`+key+`"`)
	}
	return c
}

// say sets the body. It must not be empty, see request.
func (c *call) say(body string) { c.body, c.length = body, int64(len(body)) }

// request makes the request. http.Transport repeats a request with an
// Idempotency-Key by itself when it could send the body again: GetBody is taken
// away, so that the rules see each failure.
func (s *subject) request(ctx context.Context, c *call) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, c.method, s.server.URL+c.target, strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.Header, r.ContentLength = c.header.Clone(), c.length
	if s.Prepare != nil {
		s.Prepare(r, c.tenant)
	}
	r.GetBody = nil
	return r, nil
}

// reply is a response, read to its end.
type reply struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	err     error // instead of a response, or of reading its body
}

// try sends c. It may be called from any goroutine.
func (s *subject) try(c *call) reply {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	r, err := s.request(ctx, c)
	if err != nil {
		return reply{err: err}
	}
	resp, err := s.server.Client().Do(r)
	if err != nil {
		return reply{err: err}
	}
	return read(resp)
}

func read(resp *http.Response) reply {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return reply{status: resp.StatusCode, header: resp.Header, trailer: resp.Trailer, body: string(body), err: err}
}

// do sends c, which is to be answered with a whole response.
func (s *subject) do(c *call) reply {
	got := s.try(c)
	require.NoError(s, got.err, "no whole response")
	return got
}

// post sends the usual request with key.
func (s *subject) post(key string) reply { return s.do(s.call(key)) }

// start sends c on a goroutine of its own.
func (s *subject) start(c *call) <-chan reply {
	replies := make(chan reply, 1)
	go func() { replies <- s.try(c) }()
	return replies
}

func (s *subject) isReplay(got reply) bool { return got.header.Get(s.Config.ReplayHeader) == "true" }

// fresh asserts that got comes from the endpoint itself.
func (s *subject) fresh(got reply, status int) {
	require.Equal(s, status, got.status, "body: %s", got.body)
	assert.False(s, s.isReplay(got), "%s on a response of the endpoint itself", s.Config.ReplayHeader)
}

// replayOf asserts that again repeats first.
func (s *subject) replayOf(first, again reply) {
	require.Equal(s, first.status, again.status, "status of the replay, body: %s", again.body)
	assert.Equal(s, first.body, again.body, "body of the replay")
	assert.Equal(s, "true", again.header.Get(s.Config.ReplayHeader), s.Config.ReplayHeader)
	assert.False(s, s.isReplay(first), "%s on the first response", s.Config.ReplayHeader)
}

// problem is what clients read of a refusal.
type problem struct {
	Type   string
	Title  string
	Status int
}

// refused asserts that got is a refusal of the middleware, and returns the type
// of the problem.
func (s *subject) refused(got reply, status int) string {
	require.Equal(s, status, got.status, "body: %s", got.body)
	assert.False(s, s.isReplay(got), "%s on a refusal", s.Config.ReplayHeader)
	assert.Equal(s, "application/problem+json", got.header.Get("Content-Type"))
	var p problem
	require.NoError(s, json.Unmarshal([]byte(got.body), &p), "body: %s", got.body)
	assert.Equal(s, status, p.Status, "status inside the document")
	assert.NotEmpty(s, p.Title)
	assert.NotEmpty(s, p.Type)
	assert.Contains(s, strings.Join(got.header.Values("Link"), ","), "<"+p.Type+`>; rel="describedby"`, "Link to the documentation")
	return p.Type
}

// inFlight asserts that got says to come again soon.
func (s *subject) inFlight(got reply) {
	s.refused(got, http.StatusConflict)
	assert.Contains(s, []string{"1", "2"}, got.header.Get("Retry-After"), "Retry-After")
}

// unavailable asserts that got says that the request ran and that its response
// is not to be had.
func (s *subject) unavailable(got reply) {
	s.refused(got, http.StatusConflict)
	assert.Empty(s, got.header.Get("Retry-After"), "waiting does not help")
}
