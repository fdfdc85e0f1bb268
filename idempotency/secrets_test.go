package idempotency_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/idempotency"
)

func textLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// spy keeps what a store is told.
type spy struct {
	*faulty
	told *bytes.Buffer
}

func (s spy) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	s.told.Write(req.Key[:])
	s.told.Write(req.Fingerprint[:])
	return s.faulty.Claim(ctx, req)
}

// Whatever goes wrong, no key, credential or body is in a log, an event, a
// refusal, or in what a store is told before there is a response.
func TestNothingSecretLeaves(t *testing.T) {
	t.Parallel()
	const key, body, credential = "secret-key-0001", "secret-body-0002", "Bearer secret-credential-0003"
	var out, told bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
		t.Cleanup(func() { _ = mem.Close() })
		s := &faulty{Store: mem}
		f := setupStore(t, spy{s, &told}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			time.Sleep(time.Minute) // some renewals
			if r.URL.Query().Has("panic") {
				panic("boom")
			}
			w.WriteHeader(http.StatusCreated)
		}, func(c *idempotency.Config) {
			c.Logger = textLogger(&out)
			c.Observer = func(_ context.Context, e idempotency.Event) {
				fmt.Fprintf(&out, "%+v\n", e)
				panic("observer")
			}
		})
		post := func(key, target string) {
			r := request(http.MethodPost, target, body, header{"Idempotency-Key": key, "Authorization": credential, "X-Tenant": credential})
			defer func() { _ = recover() }()
			resp := f.do(r)
			out.WriteString(text(t, resp))
			fmt.Fprintln(&out, resp.Header)
		}
		faults := []func(){
			func() {}, func() { s.claim = errDown }, func() { s.claim, s.extend = nil, errDown },
			func() { s.extend, s.complete = nil, errDown }, func() { s.complete, s.release = nil, errDown },
		}
		for i, fault := range faults {
			s.set(fault)
			for _, target := range []string{"/", "/?panic", "/other"} {
				post(fmt.Sprint(key, i), target)
			}
			post(key+" not valid\x01", "/")
			time.Sleep(time.Hour)
		}
	})
	assert.Greater(t, out.Len(), 1000)
	for _, secret := range []string{"secret-", hex.EncodeToString([]byte("secret-"))} {
		assert.NotContains(t, out.String(), secret)
		assert.NotContains(t, told.String(), secret)
	}
}
