package idempotency_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func TestResponseCutOffIsNotReplayedAsWhole(t *testing.T) {
	t.Parallel()
	f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "12345") // the source has failed
	})
	f.post("k", "")
	assert.Equal(t, "idempotency-response-unavailable", problem(t, f.post("k", ""), http.StatusConflict))
	assert.EqualValues(t, 1, f.runs.Load())
}

func TestTombstoneIsSavedAgainAfterAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s *faulty
		f, s := setupFaulty(t, func(w http.ResponseWriter, _ *http.Request) {
			s.set(func() { s.complete = errDown })
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
			s.set(func() { s.complete = nil })
			panic("late")
		}, func(c *idempotency.Config) { c.MaxResponseBody = 10 })
		assert.Panics(t, func() { f.post("k", "") })
		time.Sleep(time.Minute)
		assert.Equal(t, "idempotency-response-unavailable", problem(t, f.post("k", ""), http.StatusConflict))
		assert.EqualValues(t, 1, f.runs.Load())
	})
}

func TestAnotherRequestInsideIsProtectedToo(t *testing.T) {
	t.Parallel()
	inner := setup(t, nil)
	outer := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		for range 2 {
			inner.do(request(http.MethodPost, "/sub", "", header{"Idempotency-Key": "other"}).WithContext(r.Context()))
		}
	})
	outer.post("k", "")
	assert.EqualValues(t, 1, inner.runs.Load())
}

func TestMultipartFilesAreHandedToTheServer(t *testing.T) {
	t.Parallel()
	f := setup(t, func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			panic(err)
		}
	})
	body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 100) + "\r\n--b--\r\n"
	r := request(http.MethodPost, "/", body, header{"Idempotency-Key": "k", "Content-Type": "multipart/form-data; boundary=b"})
	f.do(r)
	require.NotNil(t, r.MultipartForm)
	assert.NoError(t, r.MultipartForm.RemoveAll())
}

func TestReleasedRecordsMakeRoom(t *testing.T) {
	t.Parallel()
	s := memory(t, idempotency.MemoryConfig{MaxBytes: 4 * 256})
	for i := range 100 {
		req := claimOf(0, 1, 1)
		req.Key = keyNumber(i)
		_, err := s.Claim(t.Context(), req)
		require.NoError(t, err, "claim %d", i)
		require.NoError(t, s.Release(t.Context(), req.Key, req.Token))
	}
	assert.Equal(t, 4, s.Stats().Records)
	req := claimOf(0, 2, 1)
	req.Key = keyNumber(99)
	c, err := s.Claim(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, 2, c.Attempt, "a kept one is still counted")
}
