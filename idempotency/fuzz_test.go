package idempotency_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", "k", `"k"`, `"a\"b\\c"`, `"`, `"a\`, "a,b", "\x00", " k "} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, value string, strict bool) {
		key, err := idempotency.ParseKey(value, strict)
		if err != nil {
			assert.Empty(t, key)
			return
		}
		assert.NotEmpty(t, key)
		for _, c := range []byte(key) {
			assert.True(t, c >= ' ' && c <= '~', "printable ASCII only")
		}
		// What is written as a String reads back as the same key.
		quoted := append([]byte{'"'}, bytes.ReplaceAll(bytes.ReplaceAll([]byte(key), []byte(`\`), []byte(`\\`)), []byte(`"`), []byte(`\"`))...)
		again, err := idempotency.ParseKey(string(append(quoted, '"')), true)
		require.NoError(t, err)
		assert.Equal(t, key, again)
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte("BWI\x01\x00\x00\x00\x00\x00\x00\xc9\x01\x0e\x08X-Charge\x04ch_1\x00\x00body"))
	f.Add([]byte("BWI\x01\x01\x00\x00\x00\x00"))
	f.Add([]byte("BWI\x02\x00\x00\x00\x00\x00\x00\xc8"))
	f.Add([]byte("BWI\x01\x00\x00\x00\x00\x00\x00\xc8\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"))
	f.Fuzz(func(t *testing.T, record []byte) {
		idempotency.DecodeAndEncode(record)
		idempotency.Sign(record) // else hardly anything gets past the checksum
		again, ok := idempotency.DecodeAndEncode(record)
		if !ok {
			return
		}
		twice, ok := idempotency.DecodeAndEncode(again)
		assert.True(t, ok)
		assert.Equal(t, again, twice)
		for i := 0; i < len(again); i += 1 + len(again)/64 {
			again[i] ^= 0x10
			_, ok := idempotency.DecodeAndEncode(again)
			assert.False(t, ok, "damage is found, wherever it is")
			again[i] ^= 0x10
		}
	})
}

// FuzzRequest sends arbitrary requests: whatever the key, the scope and the
// body, the middleware answers, and equal requests run once.
func FuzzRequest(f *testing.F) {
	f.Add("k", "acme", "body", "/path?q=1")
	f.Add(`"k"`, "", "", "/")
	f.Add("a,b", "\x00", "\xff", "/%2F")
	f.Fuzz(func(t *testing.T, key, scope, body, target string) {
		r := func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			if u, err := url.Parse(target); err == nil {
				r.URL = u
			}
			r.Header["Idempotency-Key"] = []string{key}
			return r
		}
		store := idempotency.NewMemoryStore(idempotency.MemoryConfig{PurgeEvery: -1})
		m, err := idempotency.New(store, func(*http.Request) (string, error) { return scope, nil }, idempotency.Config{})
		require.NoError(t, err)
		runs := 0
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs++
			_, _ = io.Copy(w, r.Body)
		}))
		first, second := httptest.NewRecorder(), httptest.NewRecorder()
		h.ServeHTTP(first, r())
		h.ServeHTTP(second, r())
		assert.Equal(t, first.Code, second.Code)
		if first.Code == http.StatusOK {
			assert.Equal(t, 1, runs)
			assert.Equal(t, body, first.Body.String())
			assert.Equal(t, body, second.Body.String())
			return
		}
		assert.Zero(t, runs)
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden}, first.Code)
	})
}
