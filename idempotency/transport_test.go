package idempotency_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransportSendsOneKeyOverAllTries(t *testing.T) {
	t.Parallel()
	var keys []string
	retrying := roundTripper(func(r *http.Request) (*http.Response, error) {
		for range 3 {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
		}
		return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, nil
	})
	client := &http.Client{Transport: &idempotency.Transport{Base: retrying}}
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader("pay"))
		r.RequestURI = ""
		_, err := client.Do(r)
		require.NoError(t, err)
		assert.Empty(t, r.Header, "the request is the caller's")
	}
	require.Len(t, keys, 6)
	assert.Equal(t, keys[0], keys[2])
	assert.Equal(t, keys[3], keys[5])
	assert.NotEqual(t, keys[0], keys[3], "another request, another key")
	key, err := idempotency.ParseKey(keys[0], true)
	require.NoError(t, err, "a String of RFC 9651")
	assert.Len(t, key, 32)
}

func TestTransportWithoutABase(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	srv := httptest.NewServer(f.handler)
	t.Cleanup(srv.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, nil)
	require.NoError(t, err)
	r.Header = nil
	resp, err := new(idempotency.Transport).RoundTrip(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	assert.Equal(t, []idempotency.Outcome{idempotency.OutcomeStored}, f.outcomes())
}

func TestTransportLeavesAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method string
		header       header
		newKey       func(*http.Request) string
		want         string
	}{
		{"a safe request", http.MethodGet, nil, nil, ""},
		{"a key that is there", http.MethodPost, header{"Idempotency-Key": "mine"}, nil, "mine"},
		{"a key in the other header", http.MethodPost, header{"X-Idempotency-Key": "mine"}, nil, ""},
		{"what NewKey declines", http.MethodPost, nil, func(*http.Request) string { return "" }, ""},
		{"nothing else", http.MethodDelete, nil, func(r *http.Request) string { return r.URL.Path[1:] }, "order-7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			down := errors.New("down")
			tr := idempotency.Transport{NewKey: tt.newKey, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
				assert.Equal(t, tt.want, r.Header.Get("Idempotency-Key"))
				return nil, down
			})}
			_, err := tr.RoundTrip(request(tt.method, "/order-7", "", tt.header))
			require.ErrorIs(t, err, down)
		})
	}
}

// http.Transport repeats a request over a broken connection by itself, and then
// sends the same key.
func TestTransportOverABrokenConnection(t *testing.T) {
	t.Parallel()
	f := setup(t, nil)
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 2 {
			f.handler.ServeHTTP(httptest.NewRecorder(), r) // charged, and the answer is lost
			panic(http.ErrAbortHandler)
		}
		f.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	base := &http.Transport{MaxConnsPerHost: 1} // so that the second request takes the first one's connection
	t.Cleanup(base.CloseIdleConnections)
	client := &http.Client{Transport: &idempotency.Transport{Base: base}}
	post := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("pay"))
		require.NoError(t, err)
		resp, err := client.Do(r)
		require.NoError(t, err)
		text(t, resp)
		return resp
	}
	assert.False(t, replayed(post()))
	assert.True(t, replayed(post()), "repeated by net/http, answered by the middleware")
	assert.EqualValues(t, 2, f.runs.Load())
}
