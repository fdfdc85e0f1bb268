package httpx_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/httpx"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		h      http.HandlerFunc
		status int
		bytes  int64
	}{
		{"nothing sent", func(http.ResponseWriter, *http.Request) {}, 0, 0},
		{"explicit", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, 201, 0},
		{"implicit by Write", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abc") }, 200, 3},
		{"implicit by Flush", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }, 200, 0},
		{"the first final status counts", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.WriteHeader(500)
		}, 404, 0},
		{"103 is not final", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(201)
		}, 201, 0},
		{"only 103", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) }, 0, 0},
		{"io.Copy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(202)
			_, _ = io.Copy(w, strings.NewReader("12345"))
		}, 202, 5},
		{"ResponseController", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}, 200, 0},
		{"refused body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			_, _ = io.WriteString(w, "abc")
		}, 204, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan *httpx.Recorder, 1)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httpx.NewRecorder(w)
				tt.h(rec.Writer(), r)
				got <- rec
			}))
			t.Cleanup(srv.Close)
			resp, err := srv.Client().Get(srv.URL)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			rec := <-got
			assert.Equal(t, tt.status, rec.Status())
			assert.Equal(t, tt.bytes, rec.Bytes())
			assert.False(t, rec.Hijacked())
			if tt.status != 0 {
				assert.Equal(t, tt.status, resp.StatusCode, "what was recorded is what the client saw")
			}
		})
	}
}

func TestRecorderPassesEarlyHintsOn(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w = httpx.NewRecorder(w).Writer()
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	}))
	t.Cleanup(srv.Close)
	var codes []int
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		codes = append(codes, code)
		return nil
	}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	require.NoError(t, err)
	resp, err := srv.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, []int{103}, codes)
}

func TestRecorderHijack(t *testing.T) {
	t.Parallel()
	t.Run("where the writer below has it", func(t *testing.T) {
		t.Parallel()
		got := make(chan *httpx.Recorder, 1)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			rec := httpx.NewRecorder(w)
			inner := httpx.NewRecorder(rec.Writer()) // through a chain
			conn, _, err := inner.Writer().(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
				_ = conn.Close()
			}
			got <- rec
		}))
		t.Cleanup(srv.Close)
		resp, err := srv.Client().Get(srv.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		rec := <-got
		assert.True(t, rec.Hijacked())
		assert.Equal(t, 0, rec.Status())
	})
	t.Run("where only an unwrapped writer has it", func(t *testing.T) {
		t.Parallel()
		rec := httpx.NewRecorder(unwrapper{hijacker{httptest.NewRecorder()}})
		_, _, err := rec.Writer().(http.Hijacker).Hijack()
		require.NoError(t, err)
		assert.True(t, rec.Hijacked())
	})
	t.Run("not promised where there is none", func(t *testing.T) {
		t.Parallel()
		_, ok := httpx.NewRecorder(httptest.NewRecorder()).Writer().(http.Hijacker)
		assert.False(t, ok)
	})
}

type hijacker struct{ http.ResponseWriter }

func (hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

type unwrapper struct{ w http.ResponseWriter }

func (u unwrapper) Header() http.Header         { return u.w.Header() }
func (u unwrapper) Write(p []byte) (int, error) { return u.w.Write(p) }
func (u unwrapper) WriteHeader(code int)        { u.w.WriteHeader(code) }
func (u unwrapper) Unwrap() http.ResponseWriter { return u.w }

func TestFlushThatIsNotSupported(t *testing.T) {
	t.Parallel()
	below := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	rec := httpx.NewRecorder(below)
	require.ErrorIs(t, rec.FlushError(), http.ErrNotSupported)
	assert.Equal(t, 0, rec.Status())
	assert.False(t, httpx.CanFlush(below))
	assert.True(t, httpx.CanFlush(unwrapper{httptest.NewRecorder()}))
}

// notifier is a writer of a server that still has CloseNotify.
type notifier struct {
	http.ResponseWriter
	gone chan bool
}

func (n notifier) CloseNotify() <-chan bool { return n.gone }

// Frameworks that stream demand CloseNotify without asking whether it is there.
func TestRecorderCloseNotify(t *testing.T) {
	t.Parallel()
	gone := make(chan bool, 1)
	gone <- true
	inner := httpx.NewRecorder(notifier{httptest.NewRecorder(), gone})
	outer := httpx.NewRecorder(inner.Writer()).Writer()
	n, ok := outer.(http.CloseNotifier) //nolint:staticcheck // as frameworks do
	require.True(t, ok)
	assert.True(t, <-n.CloseNotify())
	assert.Nil(t, httpx.NewRecorder(httptest.NewRecorder()).CloseNotify(), "never fires")
}
