package connectors_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

func TestObserver(t *testing.T) {
	t.Parallel()
	slowly := func(body io.Reader) roundTripper {
		return func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return &http.Response{StatusCode: 201, Body: io.NopCloser(body)}, nil
		}
	}
	tests := []struct {
		name  string
		steps []roundTripper
		url   string
		use   func(*http.Response)
		want  connectors.Event
	}{
		{
			"read to the end",
			[]roundTripper{slowly(strings.NewReader("ok"))},
			"http://h.test:81/x", func(r *http.Response) { _, _ = io.ReadAll(r.Body) },
			connectors.Event{Method: "POST", Host: "h.test:81", Attempts: 1, Status: 201, Duration: time.Second},
		},
		{
			"closed unread",
			[]roundTripper{slowly(strings.NewReader("ok"))},
			"http://h.test", func(r *http.Response) { time.Sleep(time.Second); _ = r.Body.Close() },
			connectors.Event{Method: "POST", Host: "h.test", Attempts: 1, Status: 201, Duration: 2 * time.Second},
		},
		{
			"body breaks",
			[]roundTripper{slowly(broken{})},
			"http://h.test", func(r *http.Response) { _, _ = io.ReadAll(r.Body) },
			connectors.Event{Method: "POST", Host: "h.test", Attempts: 1, Status: 201, Kind: connectors.KindNetwork, Duration: time.Second},
		},
		{
			"body is too large",
			[]roundTripper{slowly(bytes.NewReader(make([]byte, 2<<20)))},
			"http://h.test", func(r *http.Response) { _, _ = io.ReadAll(r.Body) },
			connectors.Event{Method: "POST", Host: "h.test", Attempts: 1, Status: 201, Kind: connectors.KindTooLarge, Duration: time.Second},
		},
		{
			"fails",
			[]roundTripper{breaks},
			"http://h.test", nil,
			connectors.Event{Method: "POST", Host: "h.test", Attempts: 1, Kind: connectors.KindNetwork},
		},
		{
			"is refused",
			[]roundTripper{fails(refusal{})},
			"http://h.test", nil,
			connectors.Event{Method: "POST", Host: "h.test", Attempts: 1, Kind: connectors.KindOpen, Unsent: true},
		},
		{
			"is invalid", nil, "ftp://h.test", nil,
			connectors.Event{Method: "POST", Host: "h.test", Kind: connectors.KindInvalid, Unsent: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var events []connectors.Event
				s := &script{steps: tt.steps}
				type mark struct{}
				c := client(t, connectors.ClientConfig{Wrap: s.wrap, Observer: func(ctx context.Context, e connectors.Event) {
					assert.NotNil(t, ctx.Value(mark{}), "it has the caller's context")
					events = append(events, e)
					panic("a panic of an observer is its own")
				}})
				r, err := http.NewRequestWithContext(context.WithValue(t.Context(), mark{}, 1), "POST", tt.url, nil)
				require.NoError(t, err)
				resp, err := c.Do(r)
				if tt.use == nil {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					assert.Empty(t, events, "the outcome is not known yet")
					tt.use(resp)
					_ = resp.Body.Close()
					_ = resp.Body.Close()
				}
				assert.Equal(t, []connectors.Event{tt.want}, events)
			})
		})
	}
}

func TestObserverSeesOneCallOfManyAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events []connectors.Event
		observe := func(_ context.Context, e connectors.Event) { events = append(events, e) }
		s := &script{steps: []roundTripper{unsent, status(503, "1"), says200}}
		c := client(t, connectors.ClientConfig{Wrap: s.wrap, Observer: observe})
		start := time.Now()
		resp, err := c.Do(request(t, t.Context(), "", nil))
		finish(t, resp, err)
		assert.Equal(t, []connectors.Event{{Method: "GET", Host: "h.test", Attempts: 3, Status: 200, Duration: time.Since(start)}}, events)
	})
}

func TestObserverOfProbesAndDryRuns(t *testing.T) {
	t.Parallel()
	var events []connectors.Event
	f := newFake(t, connectors.ClientConfig{Observer: func(_ context.Context, e connectors.Event) { events = append(events, e) }})
	f.url = nobody(t)
	g := f.registry(t)
	_, _ = ask(t, g, "?mode=plan", `{"action_type":"fake","config_json":"{\"cheat\":1}"}`)
	assert.Empty(t, events)
	_, _ = ask(t, g, "?mode=probe", `{"action_type":"fake","config_json":"{}"}`)
	require.Len(t, events, 1)
	assert.True(t, events[0].Probe)
	assert.Equal(t, 1, events[0].Attempts)
	assert.Empty(t, events[0].Detail, "there is no guard")
}

func TestIdempotencyKeyTravelsInTheContext(t *testing.T) {
	t.Parallel()
	assert.Empty(t, connectors.IdempotencyKey(t.Context()))
	assert.Equal(t, "k", connectors.IdempotencyKey(connectors.WithIdempotencyKey(t.Context(), "k")))
}

func TestContextError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New(token))
	e := typed(t, connectors.ContextError(ctx))
	assert.Equal(t, connectors.KindCanceled, e.Kind)
	assert.True(t, e.Unsent)
	require.ErrorIs(t, e, context.Canceled)

	late, cancelLate := context.WithTimeout(t.Context(), -1)
	defer cancelLate()
	e = typed(t, connectors.ContextError(late))
	assert.Equal(t, connectors.KindTimeout, e.Kind)
	require.ErrorIs(t, e, context.DeadlineExceeded)
}
