package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/idempotencytest"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func protection(t *testing.T) *idempotency.Middleware {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{RequireKey: true})
	require.NoError(t, err)
	return m
}

func created(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "7") // to see whether a page can
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "charged")
}

// without takes a word out of a header of next.
func without(next http.Handler, name, word string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&editor{w, func(h http.Header) {
			if v := h.Get(name); v != "" {
				h.Set(name, strings.TrimLeft(strings.Replace(v, word, "", 1), ", "))
			}
		}}, r)
	})
}

type editor struct {
	http.ResponseWriter
	edit func(http.Header)
}

func (e *editor) WriteHeader(code int) {
	e.edit(e.Header())
	e.ResponseWriter.WriteHeader(code)
}

type reply struct {
	Error  string `json:"error"`
	Status int    `json:"status"`
	Replay string `json:"replay"`
	After  string `json:"after"`
	Link   string `json:"link"`
}

// ask has the page of a tab send a request.
func ask(url, method, headers string) chromedp.Action[reply] {
	return chromedp.Evaluate[reply](fmt.Sprintf(`fetch(%q, {method: %q, headers: %s, body: '{}'}).then((r) => ({
		status: r.status,
		replay: r.headers.get('X-Idempotency-Replay') ?? '',
		after: r.headers.get('Retry-After') ?? '',
		link: r.headers.get('Link') ?? '',
	}), (e) => ({error: e.name}))`, url+"/charges", method, headers), chromedp.EvalAwaitPromise)
}

// Each word of the headers is needed.
func TestBrowserNeedsTheHeaders(t *testing.T) {
	t.Parallel()
	pages := httptest.NewServer(page(""))
	t.Cleanup(pages.Close)
	browser := chromium(t)
	const (
		key   = `{'Content-Type': 'application/json', 'Idempotency-Key': 'k'}`
		xKey  = `{'Content-Type': 'application/json', 'X-Idempotency-Key': 'k'}`
		noKey = `{'Content-Type': 'application/json'}`

		link = `<https://github.com/bracework/bracework/blob/main/docs/problems.md#idempotency-key-missing>; rel="describedby"; type="text/html"`
	)
	requests := []struct{ method, headers string }{{"POST", key}, {"POST", xKey}, {"POST", noKey}, {"PUT", noKey}}
	first, replay := reply{Status: 201, After: "7"}, reply{Status: 201, After: "7", Replay: "true"}
	refused, put, blocked := reply{Status: 400, Link: link}, reply{Status: 405}, reply{Error: "TypeError"}
	for _, tt := range []struct {
		name, header, word string
		want               []reply // to each of the requests
	}{
		{"all of them", "", "", []reply{first, replay, refused, put}},
		{"no Content-Type", "Access-Control-Allow-Headers", "Content-Type", []reply{blocked, blocked, blocked, blocked}},
		{"no Idempotency-Key", "Access-Control-Allow-Headers", " Idempotency-Key,", []reply{blocked, first, refused, put}},
		{"no X-Idempotency-Key", "Access-Control-Allow-Headers", ", X-Idempotency-Key", []reply{first, blocked, refused, put}},
		{"no replay header", "Access-Control-Expose-Headers", "X-Idempotency-Replay", []reply{first, first, refused, put}},
		{"no Retry-After", "Access-Control-Expose-Headers", " Retry-After,", []reply{{Status: 201}, {Status: 201, Replay: "true"}, refused, put}},
		{"no Link", "Access-Control-Expose-Headers", ", Link", []reply{first, replay, {Status: 400}, put}},
		{"no PUT", "Access-Control-Allow-Methods", " PUT,", []reply{first, replay, refused, blocked}},
		{"no origin", "Access-Control-Allow-Origin", pages.URL, []reply{blocked, blocked, blocked, blocked}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			api := httptest.NewServer(without(cors(routes(protection(t), http.HandlerFunc(created)), pages.URL), tt.header, tt.word))
			t.Cleanup(api.Close)
			ctx := tab(browser, t, pages.URL)
			var got []reply
			for _, r := range requests {
				answer, err := chromedp.Run(ctx, ask(api.URL, r.method, r.headers))
				require.NoError(t, err)
				got = append(got, answer)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func post(h http.Handler, origin, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/charges", strings.NewReader(body))
	r.Header.Set("Origin", origin)
	r.Header.Set("Idempotency-Key", "k")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestConformance(t *testing.T) {
	t.Parallel()
	const origin = "https://a.example"
	cfg := idempotency.Config{RequireKey: true}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			t.Helper()
			m, err := idempotency.New(store, idempotency.SingleTenant, cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = m.Close() })
			return cors(routes(m, next), origin)
		},
		Config:       cfg,
		Path:         "/charges",
		Prepare:      func(r *http.Request, _ int) { r.Header.Set("Origin", origin) },
		SingleTenant: true,
	})
}

func TestCORSBelongsOutside(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example", "https://b.example"
	allowed := func(rec *httptest.ResponseRecorder) string { return rec.Header().Get("Access-Control-Allow-Origin") }

	outside := cors(protection(t).Handler(http.HandlerFunc(created)), a, b)
	assert.Equal(t, a, allowed(post(outside, a, "1")))
	replay := post(outside, b, "1")
	assert.Equal(t, "true", replay.Header().Get("X-Idempotency-Replay"))
	assert.Equal(t, b, allowed(replay))
	assert.Equal(t, []string{"Origin"}, replay.Header()["Vary"])
	refused := post(outside, b, "2")
	assert.Equal(t, http.StatusUnprocessableEntity, refused.Code)
	assert.Equal(t, b, allowed(refused))
	assert.Empty(t, allowed(post(outside, "https://c.example", "1")))

	inside := protection(t).Handler(cors(http.HandlerFunc(created), a, b))
	assert.Equal(t, a, allowed(post(inside, a, "1")))
	assert.Equal(t, a, allowed(post(inside, b, "1")), "the header of the first page")
	assert.Empty(t, allowed(post(inside, b, "2")))
}
