package idempotency_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// serve runs the fixture behind a real server and returns a function that
// posts with key "k".
func (f *fixture) serve(opts ...func(*httptest.Server)) func(...func(*http.Request)) *http.Response {
	srv := httptest.NewUnstartedServer(f.handler)
	for _, opt := range opts {
		opt(srv)
	}
	if srv.TLS == nil && srv.EnableHTTP2 {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	f.t.Cleanup(srv.Close)
	return func(edits ...func(*http.Request)) *http.Response {
		r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, srv.URL, strings.NewReader("pay"))
		require.NoError(f.t, err)
		r.Header.Set("Idempotency-Key", "k")
		for _, edit := range edits {
			edit(r)
		}
		resp, err := srv.Client().Do(r)
		require.NoError(f.t, err)
		f.t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
}

func TestResponsesAreReplayedAsTheyWere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		h      http.HandlerFunc
		status int
		body   string
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, 200, ""},
		{"implicit 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 200, "x"},
		{"io.Copy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.Copy(w, strings.NewReader("copied"))
		}, 201, "copied"},
		{"first WriteHeader counts", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			w.WriteHeader(http.StatusInternalServerError)
		}, 201, ""},
		{"103 then 201", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		}, 201, ""},
		{"204", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			_, err := io.WriteString(w, "no")
			if err != http.ErrBodyNotAllowed { //nolint:errorlint // the sentinel itself, as from net/http
				panic(err)
			}
		}, 204, ""},
		{"304", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, 304, ""},
		{"flushed", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "b")
		}, 202, "ab"},
		{"flushed before the first byte", func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "b")
		}, 200, "b"},
		{"10 KiB", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 10<<10)) }, 200, strings.Repeat("x", 10<<10)},
		{"declared length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "ab")
			if _, err := io.WriteString(w, "c"); err != http.ErrContentLength { //nolint:errorlint // the sentinel itself, as from net/http
				panic(err)
			}
		}, 200, "ab"},
	}
	for _, http2 := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", tt.name, http2), func(t *testing.T) {
				t.Parallel()
				f := setup(t, tt.h)
				post := f.serve(func(s *httptest.Server) { s.EnableHTTP2 = http2 })
				for i := range 2 {
					resp := post()
					assert.Equal(t, i == 1, replayed(resp))
					assert.Equal(t, tt.status, resp.StatusCode)
					assert.Equal(t, tt.body, text(t, resp))
				}
				assert.EqualValues(t, 1, f.runs.Load())
			})
		}
	}
}

func TestInformationalResponseLeavesAtOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusCreated)
	})
	var hints []string
	resp := f.serve()(func(r *http.Request) {
		*r = *r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, h["Link"]))
				return nil
			},
		}))
	})
	assert.Equal(t, []string{"103 [</a.css>; rel=preload]"}, hints)
	assert.Equal(t, http.StatusCreated, resp.StatusCode)
	assert.Empty(t, resp.Header.Get("Link"))
}

func TestFlushedBytesLeaveAtOnce(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		<-next
		_, _ = io.WriteString(w, "second")
	})
	resp := f.serve()()
	assert.Equal(t, http.StatusAccepted, resp.StatusCode)
	buf := make([]byte, 6)
	_, err := io.ReadFull(resp.Body, buf)
	require.NoError(t, err)
	assert.Equal(t, "first ", string(buf))
	close(next)
	assert.Equal(t, "second", text(t, resp))
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"declared": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "42")
		},
		"prefixed": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		},
		"prefixed after a flush": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "body")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := setup(t, h).serve()
			for range 2 {
				resp := post()
				assert.Equal(t, "body", text(t, resp))
				assert.Equal(t, http.Header{"X-Sum": {"42"}}, resp.Trailer)
				assert.Empty(t, resp.Header.Get("X-Sum"))
			}
		})
	}
}

func TestWhichHeadersAreReplayed(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Location", "/charges/1")
		h["X-Many"] = []string{"a, b", "c"}
		h.Set("Set-Cookie", "session=secret")
		h.Set("Date", "Mon, 01 Jan 2001 00:00:00 GMT")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("X-Outer-Changed", "handler")
		h.Add("Vary", "Accept")
		w.WriteHeader(http.StatusCreated)
		h.Set("X-Late", "never sent")
	})
	inner := f.handler
	requests := 0
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("X-Request-Id", strconv.Itoa(requests))
		w.Header().Set("X-Outer-Changed", "outer")
		w.Header().Set("Vary", "Origin")
		inner.ServeHTTP(w, r)
	})
	first, second := f.post("k", ""), f.post("k", "")
	require.True(t, replayed(second))
	assert.Equal(t, "session=secret", first.Header.Get("Set-Cookie"))
	assert.Empty(t, first.Header.Get("X-Late"))

	h := second.Header
	assert.Equal(t, "/charges/1", h.Get("Location"))
	assert.Equal(t, []string{"a, b", "c"}, h["X-Many"])
	assert.Equal(t, []string{"2"}, h["X-Request-Id"], "the outer layer's own header is that of this request")
	assert.Equal(t, []string{"handler"}, h["X-Outer-Changed"])
	assert.Equal(t, []string{"Origin", "Accept"}, h["Vary"])
	for _, name := range []string{"Set-Cookie", "Connection", "X-Hop", "X-Late", "Date"} {
		assert.Empty(t, h.Values(name), name)
	}
}

func TestContentTypeIsThatOfTheFirstAnswer(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"sniffed": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"sniffed from the first part": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<ht")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "ml>")
		},
		"suppressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "<html>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			post := setup(t, h).serve()
			first := post()
			_ = text(t, first) // to its end: a flushed answer arrives before the handler is done
			second := post()
			assert.Equal(t, first.Header["Content-Type"], second.Header["Content-Type"])
		})
	}
}

func TestResponseOverTheCap(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100)
	limit := func(c *idempotency.Config) { c.MaxResponseBody = 99 }
	t.Run("is sent whole and leaves a tombstone", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Charge", "ch_1")
			w.WriteHeader(http.StatusCreated)
			for i := range big {
				_, _ = io.WriteString(w, big[i:i+1])
			}
		}, limit)
		post := f.serve()
		first := post()
		assert.Equal(t, http.StatusCreated, first.StatusCode)
		assert.Equal(t, "ch_1", first.Header.Get("X-Charge"))
		assert.Equal(t, big, text(t, first))
		assert.Equal(t, "idempotency-response-unavailable", problem(t, post(), http.StatusConflict))
		assert.EqualValues(t, 1, f.runs.Load())
		assert.Equal(t, []idempotency.Outcome{idempotency.OutcomeTombstone, idempotency.OutcomeNoReplay}, f.outcomes())
	})
	t.Run("at the cap it is kept", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big[1:]) }, limit)
		f.post("k", "")
		assert.True(t, replayed(f.post("k", "")))
	})
	t.Run("a status that is not kept leaves none", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, big)
		}, limit)
		f.post("k", "")
		assert.Equal(t, http.StatusBadGateway, f.post("k", "").StatusCode)
		assert.EqualValues(t, 2, f.runs.Load())
	})
	t.Run("a panic behind it keeps the tombstone", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, big)
			panic("late")
		}, limit)
		assert.Panics(t, func() { f.post("k", "") })
		assert.Equal(t, http.StatusConflict, f.post("k", "").StatusCode)
		assert.EqualValues(t, 1, f.runs.Load())
	})
}

func TestHijackedRequestNeverRunsAgain(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, err = w.Write([]byte("x"))
		if err != http.ErrHijacked { //nolint:errorlint // the sentinel itself, as from net/http
			panic(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		_ = conn.Close()
	})
	post := f.serve()
	first := post()
	assert.Equal(t, http.StatusCreated, first.StatusCode)
	assert.Equal(t, "ok", text(t, first))
	assert.Equal(t, http.StatusConflict, post().StatusCode)
	assert.EqualValues(t, 1, f.runs.Load())
}

func TestNoHijackerIsPromisedWhereThereIsNone(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		_, ok := w.(http.Hijacker)
		assert.False(t, ok)
	})
	f.post("k", "")
}

func TestReverseProxyBehindIsIdempotent(t *testing.T) {
	t.Parallel()
	calls := 0
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = io.WriteString(w, "charged")
		w.(http.Flusher).Flush() // no Content-Length: the proxy flushes too
	}))
	t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	f := setup(t, httputil.NewSingleHostReverseProxy(target).ServeHTTP)
	post := f.serve()
	assert.Equal(t, "charged", text(t, post()))
	second := post()
	assert.True(t, replayed(second))
	assert.Equal(t, "charged", text(t, second))
	assert.Equal(t, 1, calls)
}

func TestClientThatLeavesMidStreamFindsTheWholeResponse(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first ")
		w.(http.Flusher).Flush()
		<-left
		for range 100 {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
				panic(err)
			}
			w.(http.Flusher).Flush()
		}
	})
	post := f.serve()
	ctx, cancel := context.WithCancel(t.Context())
	resp := post(func(r *http.Request) { *r = *r.WithContext(ctx) })
	_, err := bufio.NewReader(resp.Body).Peek(1)
	require.NoError(t, err)
	cancel()
	_ = resp.Body.Close()
	close(left)
	require.Eventually(t, func() bool {
		resp := post()
		return replayed(resp) && len(text(t, resp)) == 6+100<<10
	}, 5*time.Second, 10*time.Millisecond)
	assert.EqualValues(t, 1, f.runs.Load())
}

func TestRoutePatternReachesOuterLayers(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges/{id}", func(http.ResponseWriter, *http.Request) {})
	f := setup(t, mux.ServeHTTP)
	r := request(http.MethodPost, "/charges/7", "", header{"Idempotency-Key": "k"})
	f.do(r)
	assert.Equal(t, "POST /charges/{id}", r.Pattern)
}

// A handler may set deadlines through the writers below.
func TestResponseControllerReachesTheConnection(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		assert.NoError(t, http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)))
	})
	assert.Equal(t, http.StatusOK, f.serve()().StatusCode)
}
