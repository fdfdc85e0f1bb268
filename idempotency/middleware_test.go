package idempotency_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func TestSecondRequestIsAnsweredByReplay(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	first, second := f.post("k", "pay 5"), f.post("k", "pay 5")
	assert.EqualValues(t, 1, f.runs.Load())
	assert.False(t, replayed(first))
	assert.True(t, replayed(second))
	assert.Equal(t, http.StatusCreated, second.StatusCode)
	assert.Equal(t, text(t, first), text(t, second))
	assert.Equal(t, "ch_1", second.Header.Get("X-Charge"))
	assert.Equal(t, first.Header.Get("Content-Type"), second.Header.Get("Content-Type"))
	assert.Equal(t, first.Header.Get("Content-Length"), second.Header.Get("Content-Length"))
	assert.Equal(t, []idempotency.Outcome{idempotency.OutcomeStored, idempotency.OutcomeReplayed}, f.outcomes())
}

func TestKeyOnTheWire(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 255)
	tests := []struct {
		name   string
		x, std []string // X-Idempotency-Key, Idempotency-Key
		strict bool
		want   string // "" is 400
	}{
		{name: "seed's header", x: []string{"unique-uuid-12345"}, want: "unique-uuid-12345"},
		{name: "draft's header, String", std: []string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`}, want: "8e03978e-40d5-43dd-bc93-6894a57f9324"},
		{name: "both escapes of a String", std: []string{`"a\"b\\c"`}, want: `a"b\c`},
		{name: "space inside a String", std: []string{`"a b"`}, want: "a b"},
		{name: "equal in both headers, quoted and bare", x: []string{"k"}, std: []string{`"k"`}, want: "k"},
		{name: "equal in two lines", x: []string{"k", "k"}, want: "k"},
		{name: "surrounding whitespace", x: []string{" k\t"}, want: "k"},
		{name: "longest", x: []string{long}, want: long},
		{name: "longest, quoted", x: []string{`"` + long + `"`}, want: long},
		{name: "strict, String", std: []string{`"k"`}, strict: true, want: "k"},

		{name: "different in both headers", x: []string{"a"}, std: []string{"b"}},
		{name: "different in two lines", x: []string{"a", "b"}},
		{name: "two lines joined on the way", x: []string{"a, b"}},
		{name: "joined without a space", x: []string{"a,b"}},
		{name: "too long", x: []string{long + "k"}},
		{name: "empty", x: []string{""}},
		{name: "empty String", x: []string{`""`}},
		{name: "unclosed String", x: []string{`"k`}},
		{name: "text behind a String", x: []string{`"k"x`}},
		{name: "parameters", x: []string{`"k";a=1`}},
		{name: "unknown escape", x: []string{`"a\n"`}},
		{name: "escape at the end", x: []string{`"a\`}},
		{name: "quote inside a bare key", x: []string{`a"b`}},
		{name: "space inside a bare key", x: []string{"a b"}},
		{name: "not ASCII", x: []string{"clé"}},
		{name: "not ASCII in a String", x: []string{`"clé"`}},
		{name: "control character", x: []string{"a\x01b"}},
		{name: "strict, bare", std: []string{"k"}, strict: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got string
			f := setup(t, func(_ http.ResponseWriter, r *http.Request) {
				info, ok := idempotency.FromContext(r.Context())
				assert.True(t, ok)
				got = info.Key
			}, func(c *idempotency.Config) { c.StrictKey = tt.strict })
			r := request(http.MethodPost, "/", "", nil)
			r.Header["X-Idempotency-Key"], r.Header["Idempotency-Key"] = tt.x, tt.std
			resp := f.do(r)
			if tt.want == "" {
				assert.Equal(t, "idempotency-key-invalid", problem(t, resp, http.StatusBadRequest))
				assert.EqualValues(t, 0, f.runs.Load())
				return
			}
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestSameKeyOtherRequestIsRefused(t *testing.T) {
	t.Parallel()
	first := func() *http.Request {
		return request(http.MethodPost, "/charges?currency=eur", `{"amount":5}`, header{"Idempotency-Key": "k", "Content-Type": "application/json"})
	}
	tests := []struct {
		name string
		edit func(*http.Request) *http.Request
	}{
		{"body", func(r *http.Request) *http.Request {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"amount":50}`)), 13
			return r
		}},
		{"method", func(r *http.Request) *http.Request { r.Method = http.MethodPut; return r }},
		{"path", func(r *http.Request) *http.Request { r.URL.Path = "/refunds"; return r }},
		{"query", func(r *http.Request) *http.Request { r.URL.RawQuery = "currency=usd"; return r }},
		{"media type", func(r *http.Request) *http.Request { r.Header.Set("Content-Type", "text/plain"); return r }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, nil)
			require.Equal(t, http.StatusCreated, f.do(first()).StatusCode)
			assert.Equal(t, "idempotency-key-reused", problem(t, f.do(tt.edit(first())), http.StatusUnprocessableEntity))
			assert.True(t, replayed(f.do(first())), "the first request's response is not harmed")
			assert.EqualValues(t, 1, f.runs.Load())
		})
	}
}

func TestScopesDoNotMeet(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	for _, tenant := range []string{"acme", "umbrella"} {
		resp := f.do(request(http.MethodPost, "/", "", header{"X-Tenant": tenant, "Idempotency-Key": "k"}))
		assert.False(t, replayed(resp), tenant)
	}
	assert.EqualValues(t, 2, f.runs.Load())
}

func TestScopeIsRequiredOfKeyedRequests(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), idempotency.Config{})
	require.NoError(t, err)
	h := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	status := func(h header) int {
		rec := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(rec, request(http.MethodPost, "/", "", h))
		return rec.Code
	}
	assert.Equal(t, http.StatusForbidden, status(header{"Idempotency-Key": "k"}))
	assert.Equal(t, http.StatusOK, status(header{"Idempotency-Key": "k", "X-Account": "a"}))
	assert.Equal(t, http.StatusOK, status(nil), "an unkeyed request has no scope")
	twice := request(http.MethodPost, "/", "", header{"Idempotency-Key": "k"})
	twice.Header["X-Account"] = []string{"a", "b"}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, twice)
	assert.Equal(t, http.StatusForbidden, rec.Code)
}

func TestWhatIsProtected(t *testing.T) {
	t.Parallel()
	keyed := header{"Idempotency-Key": "k"}
	tests := []struct {
		name string
		opt  option
		req  func() *http.Request
		runs int64 // of two equal requests
	}{
		{"POST", nil, func() *http.Request { return request("POST", "/", "", keyed) }, 1},
		{"PUT", nil, func() *http.Request { return request("PUT", "/", "", keyed) }, 1},
		{"PATCH", nil, func() *http.Request { return request("PATCH", "/", "", keyed) }, 1},
		{"DELETE", nil, func() *http.Request { return request("DELETE", "/", "", keyed) }, 1},
		{"GET", nil, func() *http.Request { return request("GET", "/", "", keyed) }, 2},
		{"OPTIONS", nil, func() *http.Request { return request("OPTIONS", "/", "", keyed) }, 2},
		{"no key", nil, func() *http.Request { return request("POST", "/", "", nil) }, 2},
		{"no key, required", func(c *idempotency.Config) { c.RequireKey = true }, func() *http.Request { return request("POST", "/", "", nil) }, 0},
		{"skipped", func(c *idempotency.Config) { c.Skip = func(*http.Request) bool { return true } }, func() *http.Request { return request("POST", "/", "", keyed) }, 2},
		{"key of a function", func(c *idempotency.Config) {
			c.KeyFunc = func(r *http.Request) (string, error) { return r.Header.Get("X-Delivery"), nil }
		}, func() *http.Request { return request("POST", "/", "", header{"X-Delivery": "d"}) }, 1},
		{"key of a function, none", func(c *idempotency.Config) {
			c.KeyFunc = func(*http.Request) (string, error) { return "", nil }
		}, func() *http.Request { return request("POST", "/", "", keyed) }, 2},
		{"key of a function, error", func(c *idempotency.Config) {
			c.KeyFunc = func(*http.Request) (string, error) { return "", errors.New("no") }
		}, func() *http.Request { return request("POST", "/", "", keyed) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var opts []option
			if tt.opt != nil {
				opts = append(opts, tt.opt)
			}
			f := setup(t, nil, opts...)
			for range 2 {
				if resp := f.do(tt.req()); tt.runs == 0 {
					assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
				}
			}
			assert.Equal(t, tt.runs, f.runs.Load())
		})
	}
}

func TestConcurrentDuplicatesRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Minute) // longer than the lease: the heartbeat holds it
			w.WriteHeader(http.StatusCreated)
		})
		var wg sync.WaitGroup
		statuses := make([]*http.Response, 50)
		for i := range statuses {
			wg.Go(func() { statuses[i] = f.post("k", "") })
		}
		wg.Wait()
		assert.EqualValues(t, 1, f.runs.Load())
		created := 0
		for _, resp := range statuses {
			if resp.StatusCode == http.StatusCreated {
				created++
				continue
			}
			assert.Equal(t, "idempotency-request-in-flight", problem(t, resp, http.StatusConflict))
			assert.Equal(t, "1", resp.Header.Get("Retry-After"))
		}
		assert.Equal(t, 1, created)
		assert.True(t, replayed(f.post("k", "")))
	})
}

func TestOtherRequestIsRefusedWhileInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })
		go f.post("k", "a")
		synctest.Wait()
		assert.Equal(t, "idempotency-key-reused", problem(t, f.post("k", "b"), http.StatusUnprocessableEntity))
		time.Sleep(2 * time.Second)
	})
}

func TestResponseIsKeptForTheTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, nil)
		f.post("k", "")
		time.Sleep(24*time.Hour - time.Nanosecond)
		assert.True(t, replayed(f.post("k", "")))
		time.Sleep(time.Nanosecond)
		assert.False(t, replayed(f.post("k", "")))
		assert.EqualValues(t, 2, f.runs.Load())
	})
}

func TestWhichStatusesAreKept(t *testing.T) {
	t.Parallel()
	for status, kept := range map[int]bool{
		200: true, 201: true, 202: true, 204: true, 302: true, 304: true, 400: true, 404: true, 409: true, 422: true,
		401: false, 403: false, 407: false, 408: false, 421: false, 423: false, 425: false, 429: false,
		500: false, 501: false, 502: false, 503: false, 504: false, 599: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			var attempts []int
			f := setup(t, func(w http.ResponseWriter, r *http.Request) {
				info, _ := idempotency.FromContext(r.Context())
				attempts = append(attempts, info.Attempt)
				w.WriteHeader(status)
			})
			first, second := f.post("k", ""), f.post("k", "")
			assert.Equal(t, status, first.StatusCode)
			assert.Equal(t, status, second.StatusCode)
			assert.Equal(t, kept, replayed(second))
			if !kept {
				assert.Equal(t, []int{1, 2}, attempts)
			}
		})
	}
}

func TestHandlerDecidesAboutItsResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(_ http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("say") {
			case "no-store":
				idempotency.NoStore(r.Context())
			case "minute":
				idempotency.SetTTL(r.Context(), time.Minute)
			case "zero":
				idempotency.SetTTL(r.Context(), 0)
			}
		})
		again := func(say string, after time.Duration) bool {
			do := func() *http.Response {
				return f.do(request(http.MethodPost, "/?say="+say, "", header{"Idempotency-Key": say}))
			}
			do()
			time.Sleep(after)
			return replayed(do())
		}
		assert.False(t, again("no-store", 0))
		assert.False(t, again("zero", 0))
		assert.True(t, again("minute", time.Minute-1))
		assert.False(t, again("minute", time.Minute))
		idempotency.NoStore(t.Context()) // outside a run: nothing
		idempotency.SetTTL(t.Context(), time.Hour)
	})
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	limit := func(c *idempotency.Config) { c.MaxRequestBody = 4 }
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	t.Run("at the cap", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo, limit)
		assert.Equal(t, "1234", text(t, f.post("k", "1234")), "the handler reads the whole body")
	})
	t.Run("over it", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo, limit)
		assert.Equal(t, "request-body-too-large", problem(t, f.post("k", "12345"), http.StatusRequestEntityTooLarge))
	})
	t.Run("over it, length unknown", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo, limit)
		r := request(http.MethodPost, "/", "12345", header{"Idempotency-Key": "k"})
		r.ContentLength = -1
		assert.Equal(t, http.StatusRequestEntityTooLarge, f.do(r).StatusCode)
	})
	t.Run("a stricter cap outside", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo)
		rec := httptest.NewRecorder()
		http.MaxBytesHandler(f.handler, 4).ServeHTTP(rec, request(http.MethodPost, "/", "12345", header{"Idempotency-Key": "k"}))
		assert.Equal(t, http.StatusRequestEntityTooLarge, rec.Code)
	})
	t.Run("no key, no cap", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo, limit)
		assert.Equal(t, "12345", text(t, f.do(request(http.MethodPost, "/", "12345", nil))))
	})
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		f := setup(t, echo)
		r := request(http.MethodPost, "/", "", header{"Idempotency-Key": "k"})
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("ab"), errReader{})), -1
		assert.Equal(t, "request-body-unreadable", problem(t, f.do(r), http.StatusBadRequest))
		assert.EqualValues(t, 0, f.runs.Load())
	})
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCustomFingerprint(t *testing.T) {
	t.Parallel()
	f := setup(t, nil, func(c *idempotency.Config) {
		c.Fingerprint = func(_ *http.Request, body []byte) ([]byte, error) {
			if len(body) == 0 {
				return nil, errors.New("nothing to compare")
			}
			return body[:1], nil
		}
	})
	f.post("k", "a1")
	assert.True(t, replayed(f.post("k", "a2")))
	assert.Equal(t, http.StatusUnprocessableEntity, f.post("k", "b").StatusCode)
	other := request(http.MethodPost, "/refunds", "a1", header{"Idempotency-Key": "k"})
	assert.Equal(t, http.StatusUnprocessableEntity, f.do(other).StatusCode, "the path always belongs to it")
	assert.Equal(t, http.StatusBadRequest, f.post("k", "").StatusCode)
}

func TestMountedTwiceActsOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	outer, err := idempotency.New(store, byTenant, idempotency.Config{})
	require.NoError(t, err)
	f.handler = outer.Handler(f.handler)
	assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
	assert.True(t, replayed(f.post("k", "")))
	assert.Zero(t, f.store.Stats().Records)
}

func TestPanicReleasesAndGoesOnUnchanged(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"boom", http.ErrAbortHandler, errors.New("x")} {
		f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(value)
		})
		for range 2 {
			assert.PanicsWithValue(t, value, func() { f.post("k", "") })
		}
		assert.EqualValues(t, 2, f.runs.Load())
		assert.Equal(t, []idempotency.Outcome{idempotency.OutcomePanicked, idempotency.OutcomePanicked}, f.outcomes())
	}
}

func TestHoldOnPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, func(http.ResponseWriter, *http.Request) { panic("boom") }, func(c *idempotency.Config) { c.HoldOnPanic = true })
		assert.Panics(t, func() { f.post("k", "") })
		assert.Equal(t, http.StatusConflict, f.post("k", "").StatusCode)
		time.Sleep(30 * time.Second)
		assert.Panics(t, func() { f.post("k", "") }, "the lease has ended")
	})
}

func TestDisconnectCancelsNothing(t *testing.T) {
	t.Parallel()
	gone := func(f *fixture) {
		ctx, cancel := context.WithCancel(f.t.Context())
		cancel()
		f.do(request(http.MethodPost, "/charges", "", header{"Idempotency-Key": "k"}).WithContext(ctx))
	}
	t.Run("by default", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(_ http.ResponseWriter, r *http.Request) { assert.NoError(t, r.Context().Err()) })
		gone(f)
		assert.True(t, replayed(f.post("k", "")))
	})
	t.Run("on request, the handler", func(t *testing.T) {
		t.Parallel()
		f := setup(t, func(_ http.ResponseWriter, r *http.Request) { assert.Error(t, r.Context().Err()) },
			func(c *idempotency.Config) { c.PropagateCancel = true })
		gone(f)
		assert.True(t, replayed(f.post("k", "")), "the response is saved all the same")
	})
}

func TestObserverPanicIsContained(t *testing.T) {
	t.Parallel()
	f := setup(t, nil, func(c *idempotency.Config) {
		c.Observer = func(context.Context, idempotency.Event) { panic("metrics") }
	})
	assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	for name, cfg := range map[string]idempotency.Config{
		"no methods":       {Methods: []string{}},
		"lower case":       {Methods: []string{"post"}},
		"empty method":     {Methods: []string{""}},
		"no headers":       {KeyHeaders: []string{}},
		"bad header":       {KeyHeaders: []string{"Idempotency Key"}},
		"bad replay":       {ReplayHeader: "a:b"},
		"short lease":      {Lease: 49 * time.Millisecond},
		"negative lease":   {Lease: -1},
		"negative TTL":     {TTL: -1},
		"negative key len": {MaxKeyLength: -1},
		"relative DocURL":  {DocURL: "/docs"},
		"quote in DocURL":  {DocURL: `https://example.com/">`},
	} {
		_, err := idempotency.New(store, idempotency.SingleTenant, cfg)
		require.ErrorContains(t, err, "idempotency: ", name)
	}
	_, err := idempotency.New(nil, nil, idempotency.Config{TTL: -1})
	for _, problem := range []string{"store is nil", "scope is nil", "TTL"} {
		require.ErrorContains(t, err, problem, "all of them in one error")
	}
}

func TestDocURL(t *testing.T) {
	t.Parallel()
	f := setup(t, nil, func(c *idempotency.Config) {
		c.RequireKey, c.DocURL = true, "https://api.example.com/docs/idempotency"
	})
	resp := f.do(request(http.MethodPost, "/", "", nil))
	assert.Equal(t, `<https://api.example.com/docs/idempotency#idempotency-key-missing>; rel="describedby"; type="text/html"`, resp.Header.Get("Link"))
	assert.JSONEq(t, `{"type":"https://api.example.com/docs/idempotency#idempotency-key-missing","title":"Idempotency key missing","status":400,
		"detail":"Send a unique key with this request, and the same key with each retry of it."}`, text(t, resp))
}
