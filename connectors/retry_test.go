package connectors_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	key := http.Header{"Idempotency-Key": {"k"}}
	xKey := http.Header{"X-Idempotency-Key": {"k"}}
	callers := []struct {
		name     string
		method   string
		header   http.Header
		opts     connectors.CallOptions
		harmless bool
	}{
		{"GET", "GET", nil, connectors.CallOptions{}, true},
		{"no method", "", nil, connectors.CallOptions{}, true},
		{"HEAD", "HEAD", nil, connectors.CallOptions{}, true},
		{"OPTIONS", "OPTIONS", nil, connectors.CallOptions{}, true},
		{"TRACE", "TRACE", nil, connectors.CallOptions{}, true},
		{"PUT", "PUT", nil, connectors.CallOptions{}, true},
		{"DELETE", "DELETE", nil, connectors.CallOptions{}, true},
		{"POST", "POST", nil, connectors.CallOptions{}, false},
		{"PATCH", "PATCH", nil, connectors.CallOptions{}, false},
		{"CONNECT", "CONNECT", nil, connectors.CallOptions{}, false},
		{"lower case is another method", "get", nil, connectors.CallOptions{}, false},
		{"a key is not enough", "POST", key, connectors.CallOptions{}, false},
		{"the word is not enough", "POST", nil, connectors.CallOptions{Idempotent: true}, false},
		{"an empty key is none", "POST", http.Header{"Idempotency-Key": {""}}, connectors.CallOptions{Idempotent: true}, false},
		{"both", "POST", key, connectors.CallOptions{Idempotent: true}, true},
		{"the other header", "PATCH", xKey, connectors.CallOptions{Idempotent: true}, true},
	}
	ends := []struct {
		name  string
		step  roundTripper
		all   bool // repeated for any caller
		some  bool // repeated if harmless
		alone string
	}{
		{"unsent", unsent, true, true, "network"},
		{"unsent, late", fails(&connectors.Error{Kind: connectors.KindTimeout, Unsent: true}), true, true, "timeout"},
		{"connection breaks", breaks, false, true, "network"},
		{"timeout of a phase", fails(&connectors.Error{Kind: connectors.KindTimeout}), false, true, "timeout"},
		{"429", status(429, ""), false, true, "429"},
		{"429 with Retry-After", status(429, "1"), true, true, "429"},
		{"429 with Retry-After 0", status(429, "0"), true, true, "429"},
		{"429 with nonsense", status(429, "soon"), false, true, "429"},
		{"429 after too long", status(429, "10"), false, false, "429"},
		{"429 after for ever", status(429, "99999999999999999999"), false, false, "429"},
		{"502", status(502, ""), false, true, "502"},
		{"502 with Retry-After", status(502, "1"), false, true, "502"},
		{"503", status(503, ""), false, true, "503"},
		{"503 with Retry-After", status(503, "1"), false, true, "503"},
		{"503 after too long", status(503, "10"), false, false, "503"},
		{"504", status(504, ""), false, true, "504"},
		{"500", status(500, "1"), false, false, "500"},
		{"501", status(501, "1"), false, false, "501"},
		{"408", status(408, "1"), false, false, "408"},
		{"404", status(404, "1"), false, false, "404"},
		{"301", status(301, "1"), false, false, "301"},
		{"open", fails(refusal{}), false, false, "open"},
		{"blocked", fails(&connectors.Error{Kind: connectors.KindBlocked, Unsent: true}), false, false, "blocked"},
		{"invalid", fails(&connectors.Error{Kind: connectors.KindInvalid, Unsent: true}), false, false, "invalid"},
		{"too large", fails(&connectors.Error{Kind: connectors.KindTooLarge, Unsent: true}), false, false, "too_large"},
		{"canceled", fails(&connectors.Error{Kind: connectors.KindCanceled, Unsent: true}), false, false, "canceled"},
	}
	for _, caller := range callers {
		for _, end := range ends {
			t.Run(caller.name+"/"+end.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &script{steps: []roundTripper{end.step, says200}}
					resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Call(request(t, t.Context(), caller.method, caller.header), caller.opts)
					want, attempts := end.alone, 1
					if end.all || end.some && caller.harmless {
						want, attempts = "200", 2
					}
					assert.Equal(t, want, finish(t, resp, err))
					assert.Equal(t, attempts, s.attempts)
					for i := range s.attempts {
						assert.Equal(t, "body", s.bodies[i])
						assert.Equal(t, s.headers[0], s.headers[i])
					}
				})
			})
		}
	}
}

// Who keeps the pauses of a receiver itself gets its refusals at once; all else is
// repeated as ever.
func TestRefusalsAreTheCallersOnDemand(t *testing.T) {
	t.Parallel()
	for end, attempts := range map[string]int{"429": 1, "503": 1, "502": 2, "504": 2} {
		for _, after := range []string{"", "1"} {
			synctest.Test(t, func(t *testing.T) {
				code, err := strconv.Atoi(end)
				require.NoError(t, err)
				s := &script{steps: []roundTripper{status(code, after), says200}}
				resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Call(request(t, t.Context(), "GET", nil), connectors.CallOptions{Refusals: true})
				want := map[int]string{1: end, 2: "200"}[attempts]
				assert.Equal(t, want, finish(t, resp, err))
				assert.Equal(t, attempts, s.attempts)
			})
		}
	}
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	for configured, want := range map[int]int{0: 3, 1: 1, -1: 1, 2: 2, 5: 5} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []roundTripper{unsent}}
			c := client(t, connectors.ClientConfig{Wrap: s.wrap, Attempts: configured})
			resp, err := c.Do(request(t, t.Context(), "POST", nil))
			assert.Equal(t, "network", finish(t, resp, err))
			assert.Equal(t, want, s.attempts, "%d", configured)
		})
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		step        roundTripper
		least, most []time.Duration // of each wait
	}{
		{"random, within a window that doubles up to 5 s", unsent, make([]time.Duration, 6), []time.Duration{250e6, 500e6, 1e9, 2e9, 4e9, 5e9}},
		{"on top of Retry-After", status(429, "3"), []time.Duration{3e9, 3e9}, []time.Duration{3.25e9, 3.5e9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				longest := make([]time.Duration, len(tt.most))
				for range 100 {
					s := &script{steps: []roundTripper{tt.step}}
					c := client(t, connectors.ClientConfig{Wrap: s.wrap, Attempts: len(tt.most) + 1, Timeout: time.Minute, RetryBudget: -1})
					resp, err := c.Do(request(t, t.Context(), "POST", nil))
					finish(t, resp, err)
					require.Len(t, s.at, len(tt.most)+1)
					for i := range tt.most {
						wait := s.at[i+1].Sub(s.at[i])
						assert.GreaterOrEqual(t, wait, tt.least[i])
						assert.Less(t, wait, tt.most[i])
						longest[i] = max(longest[i], wait-tt.least[i])
					}
				}
				for i := range tt.most {
					assert.Greater(t, longest[i], (tt.most[i]-tt.least[i])/2, "the window is used")
				}
			})
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, ahead := range []time.Duration{0, -time.Hour, time.Hour} { // how wrong the receiver's clock is
			refuses := func(*http.Request) (*http.Response, error) {
				now := time.Now().Add(ahead).UTC()
				resp, err := status(429, now.Add(2*time.Second).Format(http.TimeFormat))(nil)
				resp.Header.Set("Date", now.Format(http.TimeFormat))
				return resp, err
			}
			s := &script{steps: []roundTripper{refuses, says200}}
			resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, t.Context(), "POST", nil))
			assert.Equal(t, "200", finish(t, resp, err))
			assert.InDelta(t, 2125*time.Millisecond, s.at[1].Sub(s.at[0]), 125e6)
		}
	})
}

// A wait that does not fit is not begun: the caller has the answer at once.
func TestWhatDoesNotFitIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the caller's counts too
		defer cancel()
		s := &script{steps: []roundTripper{status(429, "2")}}
		start := time.Now()
		resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, ctx, "GET", nil))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, "429", finish(t, resp, err))
		assert.Equal(t, 1, s.attempts)
	})
}

func TestUnsentIsThatOfAllAttempts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		steps []roundTripper
		want  bool
	}{
		{"all unsent", []roundTripper{unsent}, true},
		{"first sent", []roundTripper{breaks, unsent}, false},
		{"second sent", []roundTripper{unsent, breaks, unsent}, false},
		{"an answer is proof too", []roundTripper{status(503, "0"), unsent}, false},
		{"refused by a breaker after that", []roundTripper{breaks, fails(refusal{})}, false},
		{"refused by a breaker after none", []roundTripper{unsent, fails(refusal{})}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: tt.steps}
			_, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, t.Context(), "PUT", nil))
			assert.Equal(t, tt.want, typed(t, err).Unsent, tt.name)
			assert.Greater(t, s.attempts, 1)
		})
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]roundTripper{"after an answer": status(429, "3"), "after an error": unsent} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []roundTripper{step}}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			s.steps[0] = func(r *http.Request) (*http.Response, error) {
				time.AfterFunc(1, func() { cancel(errors.New("because of " + token)) })
				return step(r)
			}
			closed := 0
			r := request(t, ctx, "POST", nil)
			r.GetBody = func() (io.ReadCloser, error) { return closeFunc(func() { closed++ }), nil }
			start := time.Now()
			_, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(r)
			e := typed(t, err)
			assert.EqualValues(t, 1, time.Since(start), name)
			assert.Equal(t, 1, s.attempts)
			assert.Equal(t, connectors.KindCanceled, e.Kind)
			assert.Equal(t, "h.test", e.Host)
			assert.Equal(t, name == "after an error", e.Unsent)
			require.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 1, closed, "the body that was made for the next attempt")
		})
	}
}

type closeFunc func()

func (closeFunc) Read([]byte) (int, error) { return 0, io.EOF }
func (f closeFunc) Close() error           { f(); return nil }

func TestABodyThatCannotBeHadAgain(t *testing.T) {
	t.Parallel()
	for name, getBody := range map[string]func() (io.ReadCloser, error){
		"not":   nil,
		"fails": func() (io.ReadCloser, error) { return nil, errors.New(token) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: []roundTripper{unsent}}
			r := request(t, t.Context(), "PUT", nil)
			r.GetBody = getBody
			_, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(r)
			assert.Equal(t, connectors.KindNetwork, typed(t, err).Kind, name)
			assert.Equal(t, 1, s.attempts)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []io.ReadCloser{nil, http.NoBody} {
			s := &script{steps: []roundTripper{unsent, says200}}
			r := request(t, t.Context(), "PUT", nil)
			r.Body, r.GetBody = body, nil
			resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(r)
			assert.Equal(t, "200", finish(t, resp, err), "no body needs no other")
		}
	})
}
