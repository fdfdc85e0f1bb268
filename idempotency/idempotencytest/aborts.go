package idempotencytest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func abortRules() []rule {
	panicked := []rule{
		{
			name:    "after a panic a retry runs",
			explain: "A claim that survives its endpoint refuses every retry; a panic that is swallowed looks like success.",
			run:     func(s *subject) { s.panics(errors.New("broken endpoint"), false) },
		},
		{
			name:    "after http.ErrAbortHandler a retry runs",
			explain: "Reverse proxies abort with it when their upstream breaks off. Layers outside must see the same value.",
			run:     func(s *subject) { s.panics(http.ErrAbortHandler, false) },
		},
		{
			name:    "a response that a panic cut short is neither whole nor kept",
			explain: "After the first bytes only a broken connection can tell the client that something is missing.",
			run:     func(s *subject) { s.panics(http.ErrAbortHandler, true) },
		},
	}
	return append(overBoth(panicked...),
		rule{
			name:    "an endpoint outlives its client, and the retry finds its response",
			explain: "Clients give up and come again: an endpoint that is stopped half-way, or whose response is lost, makes that unsafe.",
			run:     clientGone,
		},
		rule{
			name:    "a connection that was taken over is never run again",
			explain: "Nobody knows what was sent on a hijacked connection, so it counts as done.",
			run:     hijacked,
		},
	)
}

// panics asserts what follows a panic with value, which comes after the first
// bytes of a response have left, or before.
func (s *subject) panics(value error, late bool) {
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		if s.runs.Load() > 1 {
			s.answer(w, r)
			return
		}
		w.Header().Set("X-Idempotencytest", "from the broken run")
		if late {
			w.WriteHeader(http.StatusCreated)
			writeString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(value)
	})
	key := newKey()
	// The server breaks the connection off, or a layer outside answers.
	if first := s.try(s.call(key)); first.err == nil {
		assert.GreaterOrEqual(s, first.status, 500, "the client takes it for a whole response: %s", first.body)
	}
	if s.Config.HoldOnPanic {
		s.inFlight(s.post(key))
		s.ran(1)
		return
	}
	again := s.post(key)
	s.fresh(again, http.StatusCreated)
	assert.Empty(s, again.header.Get("X-Idempotencytest"))
	s.ran(2)
	s.replayOf(again, s.post(key))
}

func clientGone(s *subject) {
	gate := s.newGate()
	ended := make(chan error, 1)
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		gate.wait()
		select { // the end of a context takes its time to get here
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
		ended <- r.Context().Err()
		s.answer(w, r)
	})
	key := newKey()
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	r, err := s.request(ctx, s.call(key))
	require.NoError(s, err)
	failures := make(chan error, 1)
	go func() {
		resp, err := s.server.Client().Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		failures <- err
	}()
	await(s, gate.entered, "the endpoint")
	cancel()
	require.Error(s, await(s, failures, "the client to give up"))
	await(s, s.gone, "the server to notice it")
	gate.open()
	if err := await(s, ended, "the endpoint"); !s.Config.PropagateCancel {
		assert.NoError(s, err, "context of the endpoint")
	}
	again := s.untilReplayed(key)
	assert.Equal(s, http.StatusCreated, again.status)
	assert.Equal(s, `{"run":1}`, again.body)
	s.ran(1)
}

// untilReplayed retries until the response is there. Until then the request is
// in flight.
func (s *subject) untilReplayed(key string) reply {
	var again reply
	s.eventually("a replay", func() bool {
		again = s.post(key)
		if !s.isReplay(again) {
			s.inFlight(again)
			return false
		}
		return true
	})
	return again
}

func hijacked(s *subject) {
	taken := make(chan error, 1)
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		taken <- err
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(s.patience))
		writeString(rw, "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 5\r\n\r\ntaken")
		_ = rw.Flush()
		_ = conn.Close()
	})
	key := newKey()
	first := s.try(s.call(key))
	if err := await(s, taken, "the endpoint"); err != nil {
		s.skipf("a layer outside cannot hand the connection over: %v", err)
	}
	require.NoError(s, first.err)
	assert.Equal(s, "taken", first.body)
	s.unavailable(s.post(key))
	s.ran(1)
}
