package idempotency_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func TestJSONFingerprint(t *testing.T) {
	t.Parallel()
	order := []string{"order.id", "items.#.sku"}
	tests := []struct {
		name  string
		paths []string
		a, b  string
		same  bool
	}{
		{"a field that is not named", order, `{"order":{"id":1},"sent":1}`, `{"order":{"id":1},"sent":2}`, true},
		{"a field that is named", order, `{"order":{"id":1}}`, `{"order":{"id":2}}`, false},
		{"inside of an array", order, `{"items":[{"sku":"a","n":1}]}`, `{"items":[{"sku":"a","n":2}]}`, true},
		{"inside of an array, named", order, `{"items":[{"sku":"a"}]}`, `{"items":[{"sku":"b"}]}`, false},
		{"missing and null", []string{"a", "b"}, `{"a":1}`, `{"a":1,"b":null}`, false},
		{"a value that moves to another path", []string{"a", "b"}, `{"a":"x"}`, `{"b":"x"}`, false},
		{"two values that read the same in a row", []string{"a", "b"}, `{"a":1,"b":11}`, `{"a":11,"b":1}`, false},
		{"order of members", []string{"a"}, `{"a":{"x":1,"y":[2]}}`, `{ "a" : { "y" : [ 2 ], "x" : 1 } }`, true},
		{"order of elements", []string{"a"}, `{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{"escapes", []string{"a"}, `{"a":"\u00e9\/"}`, `{"a":"é/"}`, true},
		{"string and number", []string{"a"}, `{"a":"1"}`, `{"a":1}`, false},
		{"spelling of a number", []string{"a"}, `{"a":1.0}`, `{"a":1}`, false},
		{"large numbers", []string{"a"}, `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{"what is no text", []string{"a"}, `{"a":"\ud800"}`, `{"a":"\ud801"}`, false},
		{"the whole body", nil, `{"a":1,"b":2}`, `{"b":2, "a":1}`, true},
		{"the whole body, changed", nil, `{"a":1}`, `{"a":2}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, nil, func(c *idempotency.Config) { c.Fingerprint = idempotency.JSONFingerprint(tt.paths...) })
			require.Equal(t, http.StatusCreated, f.post("k", tt.a).StatusCode)
			want := http.StatusUnprocessableEntity
			if tt.same {
				want = http.StatusCreated
			}
			assert.Equal(t, want, f.post("k", tt.b).StatusCode)
		})
	}
}

func TestJSONFingerprintRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no body": "", "no JSON": "a=1", "two values": "{} {}", "none of the fields": `{"b":1}`,
		"too deep": strings.Repeat("[", 1<<19),
	} {
		f := setup(t, nil, func(c *idempotency.Config) { c.Fingerprint = idempotency.JSONFingerprint("a") })
		assert.Equal(t, "request-body-unreadable", problem(t, f.post("k", body), http.StatusBadRequest), name)
		assert.Zero(t, f.runs.Load(), name)
	}
}

func FuzzJSONFingerprint(f *testing.F) {
	f.Add(`{"a":{"b":[1,2,{"c":null}]}}`, "a.b")
	f.Add(`[1,2]`, "#")
	f.Add(`{"a":"\ud800"}`, "a")
	f.Add(`{"a":1}`, `a|@this`)
	f.Fuzz(func(t *testing.T, body, path string) {
		if strings.ContainsAny(path, "@!") {
			t.Skip("modifiers are the developer's")
		}
		digest := idempotency.JSONFingerprint(path)
		first, err := digest(nil, []byte(body))
		if err != nil {
			return
		}
		again, err := digest(nil, []byte(" "+body+"\n"))
		require.NoError(t, err)
		assert.Equal(t, first, again)
	})
}
