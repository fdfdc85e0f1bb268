package idempotency_test

import (
	"bytes"
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
	f.Add([]byte("BWI\x01\x00\x00\x00\x00\x00\x00\xc9\x01\x08X-Charge\x04ch_1\x00body"))
	f.Add([]byte("BWI\x01\x01"))
	f.Add([]byte("BWI\x02\x00\x00\xc8"))
	f.Add([]byte("BWI\x01\x00\x00\xc8\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, record []byte) {
		if again, ok := idempotency.DecodeAndEncode(record); ok {
			twice, ok := idempotency.DecodeAndEncode(again)
			assert.True(t, ok)
			assert.Len(t, twice, len(again))
		}
	})
}
