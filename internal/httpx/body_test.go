package httpx_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/httpx"
)

func TestReadBody(t *testing.T) {
	t.Parallel()
	post := func(body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	}
	unknown := func(body string) *http.Request {
		r := post(body)
		r.ContentLength = -1
		return r
	}
	liar := func(body string) *http.Request {
		r := post(body)
		r.ContentLength = 1 << 40
		return r
	}
	tests := []struct {
		name  string
		r     *http.Request
		limit int64
		err   error
	}{
		{"under the limit", post("1234"), 5, nil},
		{"at the limit", post("12345"), 5, nil},
		{"over the limit", post("123456"), 5, httpx.ErrBodyTooLarge},
		{"length unknown, at the limit", unknown("12345"), 5, nil},
		{"length unknown, over the limit", unknown("123456"), 5, httpx.ErrBodyTooLarge},
		{"a huge length is no allocation", liar("1234"), 1 << 50, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := httpx.ReadBody(tt.r, tt.limit)
			require.ErrorIs(t, err, tt.err)
			if err != nil {
				return
			}
			left, err := io.ReadAll(tt.r.Body)
			require.NoError(t, err)
			assert.Equal(t, string(got), string(left), "the handler reads it from the start")
			assert.NoError(t, tt.r.Body.Close())
		})
	}
}

func TestReadBodyReadsOneByteBeyondItsLimit(t *testing.T) {
	t.Parallel()
	src := strings.NewReader("123456789")
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(src))
	_, err := httpx.ReadBody(r, 5)
	require.ErrorIs(t, err, httpx.ErrBodyTooLarge)
	assert.Equal(t, 3, src.Len())
}

func TestAppendBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("123"), strings.NewReader("45")))
	data, err := httpx.AppendBody([]byte("head:"), r, 5)
	require.NoError(t, err)
	assert.Equal(t, "head:12345", string(data))
	var body httpx.Body
	body.Attach(r, data[5:])
	shared, err := httpx.ReadBody(r, 5)
	require.NoError(t, err)
	assert.Same(t, &data[5], &shared[0])
	again, err := httpx.AppendBody(nil, r, 5)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(again))
	_, err = httpx.AppendBody(nil, r, 4)
	require.ErrorIs(t, err, httpx.ErrBodyTooLarge)
	require.NoError(t, new(httpx.Body).Close())
}

func TestReadBodyIsSharedAlongAChain(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("12345"))
	first, err := httpx.ReadBody(r, 5)
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, r.Body, 3) // somebody between has read a part
	require.NoError(t, err)
	second, err := httpx.ReadBody(r, 5)
	require.NoError(t, err)
	assert.Same(t, &first[0], &second[0])
	_, err = httpx.ReadBody(r, 4)
	require.ErrorIs(t, err, httpx.ErrBodyTooLarge)
	left, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(left))
}

func TestReadBodyErrors(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	data, err := httpx.ReadBody(r, 5)
	require.NoError(t, err)
	assert.Empty(t, data)

	broken := errors.New("broken")
	r = httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("12"), failing{broken}))
	_, err = httpx.ReadBody(r, 5)
	require.ErrorIs(t, err, broken)

	r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("12345"))
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 4)
	_, err = httpx.ReadBody(r, 100)
	require.ErrorIs(t, err, httpx.ErrBodyTooLarge, "a stricter limit further out")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
