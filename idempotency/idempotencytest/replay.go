package idempotencytest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func replayRules() []rule {
	mounted := rule{
		name:    "the endpoint is reached through the middleware and its store",
		explain: "A middleware that is not in the way of a request, or that uses another store than the one meant, protects nothing.",
		run:     mountedOverTheStore,
	}
	return append([]rule{mounted}, slices.Concat(
		overBoth(
			rule{
				name:    "a retry gets the status, body and headers of the first response",
				explain: "A client whose first response was lost acts on the second one: it has to find there whatever the first one said.",
				run:     replayIsEqual,
			},
		),
		[]rule{
			{
				name:    "a retry right after the response is a replay",
				explain: "Clients retry at once. A 409 for a request that is finished sends them into a needless back-off.",
				run:     retryAtOnce,
			},
			{
				name:    "a response leaves when it is saved",
				explain: "What leaves before it is saved can be lost afterwards, and then its retry runs again.",
				run:     savedFirst,
			},
			{
				name:    "the endpoint reads the whole request body",
				explain: "The body is read before the endpoint runs, to compare it with that of a retry. The endpoint must find it from its start.",
				run:     bodyIsHandedOn,
			},
			{
				name:    "a request without a key is left alone",
				explain: "Nothing may be buffered, replayed or stored for clients that do not ask for it, unless a key is required.",
				run:     withoutKey,
			},
			{
				name:    "safe methods are left alone",
				explain: "A GET with a key asks for the present state, not for an old response.",
				run:     safeMethods,
			},
			{
				name:    "the store never sees the key of a client",
				explain: "Keys are often order numbers or worse. Only their digest, taken together with the scope, may reach a store, its backups and its operators.",
				run:     keysAreHashed,
			},
		},
	)...)
}

func mountedOverTheStore(s *subject) {
	got := s.post(newKey())
	s.fresh(got, http.StatusCreated)
	s.ran(1)
	calls, _ := s.faults.told()
	assert.Positive(s, calls, "a keyed request did not ask the store that Wire was given")
	assert.Equal(s, `{"run":1}`, got.body, "body, as the endpoint has written it")
}

func replayIsEqual(s *subject) {
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/x-idempotencytest; charset=utf-8")
		h.Set("Location", "/idempotencytest/1")
		h.Set("Etag", `"1"`)
		h["X-Idempotencytest"] = []string{"first", "second, with a comma", ""}
		h.Add("Vary", "X-Idempotencytest")
		w.WriteHeader(http.StatusAccepted)
		writeString(w, "line 1\n")
		writeString(w, "line 2\n")
	})
	key := newKey()
	first := s.post(key)
	s.fresh(first, http.StatusAccepted)
	for range 2 {
		again := s.post(key)
		s.replayOf(first, again)
		for _, name := range []string{"Content-Type", "Location", "Etag", "X-Idempotencytest"} {
			assert.Equal(s, first.header.Values(name), again.header.Values(name), name)
		}
		assert.ElementsMatch(s, listed(first.header, "Vary"), listed(again.header, "Vary"), "Vary")
		for name, values := range again.header {
			if before, both := first.header[name]; both && name != "Vary" {
				assert.LessOrEqual(s, len(values), len(before), "%s was added to what an outer layer has set", name)
			}
		}
	}
	s.ran(1)
}

func retryAtOnce(s *subject) {
	for i := range 50 {
		s.handle(func(w http.ResponseWriter, r *http.Request) {
			s.answer(w, r)
			if i%2 == 1 { // the end of a streamed response, too, follows its record
				_ = http.NewResponseController(w).Flush()
				writeString(w, "\n")
			}
		})
		key := newKey()
		first := s.post(key)
		s.fresh(first, http.StatusCreated)
		s.replayOf(first, s.post(key))
	}
	s.ran(50)
}

func savedFirst(s *subject) {
	saving, left := make(chan struct{}, 10), make(chan struct{})
	s.faults.fail(hooks{complete: func(_ context.Context, next func() error) error {
		saving <- struct{}{}
		timer := time.NewTimer(200 * time.Millisecond) // a response that left would be here by then
		defer timer.Stop()
		select {
		case <-left:
			s.Errorf("The response left before it was saved")
		case <-timer.C:
		}
		return next()
	}})
	s.handle(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		writeString(w, strings.Repeat("more than net/http buffers ", 4000))
	})
	key := newKey()
	replies := make(chan reply, 1)
	go func() {
		replies <- s.try(s.call(key))
		close(left)
	}()
	await(s, saving, "the save")
	first := await(s, replies, "the response")
	s.fresh(first, http.StatusCreated)
	s.replayOf(first, s.post(key))
}

func bodyIsHandedOn(s *subject) {
	bodies := make(chan string, 1)
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		got := read(&http.Response{Body: r.Body})
		bodies <- got.body
		s.answer(w, r)
	})
	for _, announced := range []bool{true, false} {
		c := s.call(newKey())
		if !announced {
			c.length = -1
		}
		require.Equal(s, http.StatusCreated, s.do(c).status)
		assert.Equal(s, c.body, await(s, bodies, "the endpoint"))
	}
}

func withoutKey(s *subject) {
	if s.Config.RequireKey {
		s.refused(s.do(s.call("")), http.StatusBadRequest)
		s.ran(0)
		return
	}
	for range 2 {
		s.fresh(s.do(s.call("")), http.StatusCreated)
	}
	s.ran(2)
	calls, _ := s.faults.told()
	assert.Zero(s, calls, "calls of the store")
}

func safeMethods(s *subject) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		if slices.Contains(s.Config.Methods, method) {
			continue
		}
		c := s.call(newKey())
		c.method = method
		for range 2 { // the service may know no such method; it must not replay it
			assert.False(s, s.isReplay(s.do(c)), method)
		}
	}
	calls, _ := s.faults.told()
	assert.Zero(s, calls, "calls of the store")
}

func keysAreHashed(s *subject) {
	key := newKey()
	s.post(key)
	s.post(key)
	s.handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	other := key + "-released"
	s.post(other)
	_, data := s.faults.told()
	assert.NotContains(s, string(data), key)
}
