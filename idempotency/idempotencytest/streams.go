package idempotencytest

import (
	"context"
	"io"
	"net/http"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func streamRules() []rule {
	return overBoth(
		rule{
			name:    "a flushed response arrives while the endpoint runs, and is replayed whole",
			explain: "Progress and server-sent events must not be held back, and must not cost the protection either.",
			run:     streamed,
		},
		rule{
			name:    "trailers are replayed",
			explain: "Checksums and results of streams are in trailers.",
			run:     trailers,
		},
	)
}

func streamed(s *subject) {
	gate := s.newGate()
	flushed := make(chan error, 1)
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusAccepted)
		writeString(w, "first\n")
		flushed <- http.NewResponseController(w).Flush()
		gate.wait()
		writeString(w, "second\n")
	})
	key := newKey()
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	r, err := s.request(ctx, s.call(key))
	require.NoError(s, err)
	type opened struct {
		resp *http.Response
		err  error
	}
	responses := make(chan opened, 1)
	go func() {
		resp, err := s.server.Client().Do(r) //nolint:bodyclose // read closes it
		responses <- opened{resp, err}
	}()
	if err := await(s, flushed, "the endpoint"); err != nil {
		s.skipf("a layer outside cannot flush: %v", err)
	}
	got := await(s, responses, "the head of the response")
	require.NoError(s, got.err)
	start := make([]byte, len("first\n"))
	_, err = io.ReadFull(got.resp.Body, start)
	require.NoError(s, err, "what was flushed did not arrive before the endpoint went on")
	assert.Equal(s, "first\n", string(start))
	gate.open()
	first := read(got.resp)
	require.NoError(s, first.err)
	first.body = string(start) + first.body
	s.fresh(first, http.StatusAccepted)
	s.replayOf(first, s.post(key))
	assert.Equal(s, "first\nsecond\n", first.body)
	s.ran(1)
}

func trailers(s *subject) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Idempotencytest-Declared")
		w.WriteHeader(http.StatusCreated)
		writeString(w, "body")
		w.Header().Set("X-Idempotencytest-Declared", "1")
		w.Header().Set(http.TrailerPrefix+"X-Idempotencytest-Late", "2")
	})
	first, again := s.twice(http.StatusCreated)
	for _, got := range []reply{first, again} {
		assert.Equal(s, "1", got.trailer.Get("X-Idempotencytest-Declared"))
		assert.Equal(s, "2", got.trailer.Get("X-Idempotencytest-Late"))
		assert.Empty(s, got.header.Get("X-Idempotencytest-Declared"), "among the headers")
	}
}
