package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// seen remembers what a handler has been given.
type seen struct {
	calls    int
	body     string
	delivery webhook.Delivery
	ok       bool
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	body, _ := io.ReadAll(r.Body)
	s.body = string(body)
	s.delivery, s.ok = webhook.FromContext(r.Context())
	w.WriteHeader(http.StatusNoContent)
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerAdmitsEveryScheme(t *testing.T) {
	t.Parallel()
	for _, p := range parties() {
		t.Run(p.scheme.String(), func(t *testing.T) {
			t.Parallel()
			var next seen
			w := serve(p.verifier(t, webhook.Config{}).Handler(&next), p.request(t, "a=b&c=d"))
			assert.Equal(t, http.StatusNoContent, w.Code)
			assert.Equal(t, "a=b&c=d", next.body)
			assert.True(t, next.ok)
			assert.Equal(t, p.scheme.String(), next.delivery.Scheme)
			assert.Empty(t, w.Header(), "nothing is added to a response")
		})
	}
}

// Whatever is wrong, the answer is the same to the byte.
func TestRefusalsAreUniform(t *testing.T) {
	t.Parallel()
	p := parties()[0]
	edit := func(f func(r *http.Request)) *http.Request {
		r := p.request(t, "{}")
		f(r)
		return r
	}
	set := func(name, value string) *http.Request {
		return edit(func(r *http.Request) { r.Header.Set(name, value) })
	}
	requests := map[webhook.Outcome]*http.Request{
		webhook.OutcomeHeaderMissing:     edit(func(r *http.Request) { r.Header = http.Header{} }),
		webhook.OutcomeHeaderInvalid:     edit(func(r *http.Request) { r.Header.Add("Webhook-Id", "msg_2") }),
		webhook.OutcomeTooOld:            set("Webhook-Timestamp", "1614265330"),
		webhook.OutcomeTooNew:            set("Webhook-Timestamp", "9614265330"),
		webhook.OutcomeTooManySignatures: set("Webhook-Signature", strings.Repeat("v1,x ", 33)),
		webhook.OutcomeNoMatch:           edit(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }),
	}
	var outcomes []webhook.Outcome
	var next seen
	h := p.verifier(t, webhook.Config{Observer: func(_ context.Context, e webhook.Event) {
		assert.Equal(t, webhook.Event{Scheme: "standard-webhooks", Outcome: e.Outcome, Secret: -1}, e)
		outcomes = append(outcomes, e.Outcome)
	}}).Handler(&next)
	for outcome, r := range requests {
		w := serve(h, r)
		assert.Equal(t, http.StatusUnauthorized, w.Code, outcome)
		assert.Equal(t, http.Header{
			"Content-Type": {"application/problem+json"}, "X-Content-Type-Options": {"nosniff"},
			"Cache-Control": {"no-store"}, "Www-Authenticate": {"Webhook-Signature"},
		}, w.Header(), outcome)
		assert.JSONEq(t, `{"type":"https://github.com/bracework/bracework/blob/main/docs/problems.md#webhook-signature-invalid",`+
			`"title":"Webhook signature invalid","status":401,"detail":"The request was not proven to come from the sender. Nothing ran."}`, w.Body.String(), outcome)
		require.NotEmpty(t, outcomes)
		assert.Equal(t, outcome, outcomes[len(outcomes)-1])
	}
	assert.Zero(t, next.calls)
}

// The size comes first, whatever the headers say.
func TestBodySize(t *testing.T) {
	t.Parallel()
	p := parties()[0]
	type kind struct {
		name  string
		alter func(r *http.Request)
	}
	for _, length := range []kind{
		{"length announced", func(*http.Request) {}},
		{"chunked", func(r *http.Request) { r.ContentLength = -1 }},
		{"chunked, in single bytes", func(r *http.Request) { r.ContentLength, r.Body = -1, io.NopCloser(iotest.OneByteReader(r.Body)) }},
	} {
		for _, proof := range []kind{
			{"proven", func(*http.Request) {}},
			{"without headers", func(r *http.Request) { r.Header = http.Header{} }},
			{"of long ago", func(r *http.Request) { r.Header.Set("Webhook-Timestamp", "1") }},
			{"forged", func(r *http.Request) { r.Header.Set("Webhook-Id", "msg_2") }},
		} {
			t.Run(length.name+", "+proof.name, func(t *testing.T) {
				t.Parallel()
				for _, tt := range []struct {
					cfg    webhook.Config
					size   int
					tooBig bool
				}{
					{webhook.Config{MaxBody: 100}, 100, false},
					{webhook.Config{MaxBody: 100}, 101, true},
					{webhook.Config{}, 1 << 20, false},
					{webhook.Config{}, 1<<20 + 1, true},
					{webhook.Config{MaxBody: -1}, 1<<20 + 1, false},
				} {
					if length.name == "chunked, in single bytes" && tt.size > 1000 {
						continue
					}
					r := p.request(t, strings.Repeat("x", tt.size))
					length.alter(r)
					proof.alter(r)
					want := http.StatusUnauthorized
					if proof.name == "proven" {
						want = http.StatusNoContent
					}
					if tt.tooBig {
						want = http.StatusRequestEntityTooLarge
					}
					var next seen
					w := serve(p.verifier(t, tt.cfg).Handler(&next), r)
					assert.Equal(t, want, w.Code, "%d bytes", tt.size)
					if tt.tooBig {
						assert.Contains(t, w.Body.String(), "problems.md#request-body-too-large")
					}
					if want == http.StatusNoContent {
						assert.Len(t, next.body, tt.size)
					}
				}
			})
		}
	}
}

// A length that is announced is refused unread, and no more than one byte beyond
// the cap is read of one that is not.
func TestLargeBodiesAreNotRead(t *testing.T) {
	t.Parallel()
	for _, headers := range []bool{true, false} {
		for announced, most := range map[int64]int64{1 << 30: 0, -1: 101} {
			r := parties()[0].request(t, "")
			if !headers {
				r.Header = http.Header{}
			}
			body := &counted{}
			r.Body, r.ContentLength = body, announced
			w := serve(parties()[0].verifier(t, webhook.Config{MaxBody: 100}).Handler(&seen{}), r)
			assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
			assert.LessOrEqual(t, body.n, most)
		}
	}
}

// counted is a body without end.
type counted struct{ n int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func (*counted) Close() error { return nil }

// The body is what was sent, for whatever way the handler reads it.
func TestBodyIsRestored(t *testing.T) {
	t.Parallel()
	p := parties()[3]
	const body = "payload=%7B%7D\x00\r\n\xff"
	for name, read := range map[string]func(w http.ResponseWriter, r *http.Request) (string, error){
		"all at once": func(_ http.ResponseWriter, r *http.Request) (string, error) {
			b, err := io.ReadAll(r.Body)
			return string(b), err
		},
		"through MaxBytesReader": func(w http.ResponseWriter, r *http.Request) (string, error) {
			b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(len(body))))
			return string(b), err
		},
		"by Content-Length": func(_ http.ResponseWriter, r *http.Request) (string, error) {
			b := make([]byte, r.ContentLength)
			_, err := io.ReadFull(r.Body, b)
			return string(b), err
		},
		"in single bytes": func(_ http.ResponseWriter, r *http.Request) (string, error) {
			b, err := io.ReadAll(iotest.OneByteReader(r.Body))
			return string(b), err
		},
		"twice": func(_ http.ResponseWriter, r *http.Request) (string, error) {
			again, ok := r.Body.(io.Seeker)
			if !ok {
				return "", errors.New("no seeker")
			}
			_, _ = io.ReadAll(r.Body)
			_, _ = again.Seek(0, io.SeekStart)
			b, err := io.ReadAll(r.Body)
			return string(b), err
		},
		"behind another verifier": func(w http.ResponseWriter, r *http.Request) (string, error) {
			var next seen
			p.verifier(t, webhook.Config{}).Handler(&next).ServeHTTP(w, r)
			return next.body, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got string
			var err error
			h := p.verifier(t, webhook.Config{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, err = read(w, r)
				assert.NoError(t, r.Body.Close())
			}))
			serve(h, p.request(t, body))
			require.NoError(t, err)
			assert.Equal(t, body, got)
		})
	}
	t.Run("less than MaxBytesReader admits", func(t *testing.T) {
		t.Parallel()
		h := p.verifier(t, webhook.Config{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 3))
			assert.ErrorContains(t, err, "too large")
		}))
		serve(h, p.request(t, body))
	})
	t.Run("MaxBytesReader further out", func(t *testing.T) {
		t.Parallel()
		for _, headers := range []bool{true, false} {
			r := p.request(t, body)
			w := httptest.NewRecorder()
			r.Body, r.ContentLength = http.MaxBytesReader(w, r.Body, 3), -1
			if !headers {
				r.Header = http.Header{}
			}
			var next seen
			p.verifier(t, webhook.Config{}).Handler(&next).ServeHTTP(w, r)
			assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
			assert.Zero(t, next.calls)
		}
	})
	t.Run("no body", func(t *testing.T) {
		t.Parallel()
		r := p.request(t, "")
		r.Body = nil
		h := p.verifier(t, webhook.Config{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
		assert.Equal(t, http.StatusAccepted, serve(h, r).Code)
	})
}

func TestBrokenBody(t *testing.T) {
	t.Parallel()
	p := parties()[0]
	r := p.request(t, "{}")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(errors.New("secret detail"))))
	var next seen
	w := serve(p.verifier(t, webhook.Config{}).Handler(&next), r)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "problems.md#request-body-unreadable")
	assert.NotContains(t, w.Body.String(), "secret detail")
	assert.Zero(t, next.calls)
}

// What the handler learns of the request is told to layers outside.
func TestHandlerHandsBackTheRoute(t *testing.T) {
	t.Parallel()
	p := parties()[0]
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks", func(http.ResponseWriter, *http.Request) {})
	r := p.request(t, "{}")
	serve(p.verifier(t, webhook.Config{}).Handler(mux), r)
	assert.Equal(t, "POST /hooks", r.Pattern)
	_, ok := webhook.FromContext(r.Context())
	assert.False(t, ok)
}

func TestObserverAndLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var events []webhook.Event
	cfg := webhook.Config{
		Logger:   slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: dropTime})),
		Observer: func(_ context.Context, e webhook.Event) { events = append(events, e) },
	}
	v := verifier(t, webhook.StandardWebhooks, cfg, otherSecret, standardSecret)
	p := parties()[0]
	var next seen
	h := v.Handler(&next)
	serve(h, p.request(t, "{}"))
	assert.Empty(t, out.String(), "what is proven is not logged")
	r := p.request(t, "{}")
	r.Header.Set("Webhook-Id", "msg_of_mallory")
	serve(h, r)
	assert.Equal(t, "level=WARN msg=\"Webhook refused\" scheme=standard-webhooks reason=no_match\n", out.String())
	assert.Equal(t, []webhook.Event{
		{Scheme: "standard-webhooks", Outcome: webhook.OutcomeVerified, Secret: 1},
		{Scheme: "standard-webhooks", Outcome: webhook.OutcomeNoMatch, Secret: -1},
	}, events)

	out.Reset()
	cfg.Observer = func(context.Context, webhook.Event) { panic("observer") }
	w := serve(p.verifier(t, cfg).Handler(&next), p.request(t, "{}"))
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "level=WARN msg=\"Webhook observer panicked\"\n", out.String())
}

func dropTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// One verifier serves many at once; nothing of one request is in another.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	for _, p := range parties() {
		t.Run(p.scheme.String(), func(t *testing.T) {
			t.Parallel()
			h := p.verifier(t, webhook.Config{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
			var wg sync.WaitGroup
			for i := range 4 {
				body := strings.Repeat("a", 1000*i+1) + "=b"
				requests := make([]*http.Request, 50)
				for n := range requests {
					requests[n] = p.request(t, body)
					if n%2 == 1 {
						requests[n].Body = io.NopCloser(strings.NewReader(body + "x"))
					}
				}
				wg.Go(func() {
					for n, r := range requests {
						w := serve(h, r)
						if n%2 == 1 {
							assert.Equal(t, http.StatusUnauthorized, w.Code)
						} else {
							assert.Equal(t, body, w.Body.String())
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Behind a real server, with chunks and a connection that is used again.
func TestServed(t *testing.T) {
	t.Parallel()
	p := parties()[0]
	var next seen
	srv := httptest.NewServer(p.verifier(t, webhook.Config{MaxBody: 64 << 10}).Handler(&next))
	defer srv.Close()
	send := func(body io.Reader, signed string) int {
		r, err := http.NewRequest(http.MethodPost, srv.URL, body)
		require.NoError(t, err)
		require.NoError(t, p.signer(t).Sign(r.Header, "msg_1", time.Now(), []byte(signed)))
		resp, err := srv.Client().Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusNoContent, send(strings.NewReader("{}"), "{}"))
	assert.Equal(t, http.StatusNoContent, send(io.MultiReader(strings.NewReader("{"), strings.NewReader("}")), "{}"))
	assert.Equal(t, http.StatusUnauthorized, send(strings.NewReader("[]"), "{}"))
	assert.Equal(t, http.StatusRequestEntityTooLarge, send(io.LimitReader(strings.NewReader(strings.Repeat("x", 70<<10)), 70<<10), "{}"))
	assert.Equal(t, 2, next.calls)
}
