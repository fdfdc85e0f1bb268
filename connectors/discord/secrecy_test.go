package discord_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

// secretFree fails when a text shows the token, the id or the query of a webhook.
func secretFree(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{token, "do-not-print", id} {
		assert.NotContains(t, text, secret)
	}
}

// look makes every call that fails, and looks at all that it leaves.
func look(t *testing.T, w *discord.Webhook) {
	t.Helper()
	var out strings.Builder
	_, err := w.Send(t.Context(), discord.Message{Content: "t"})
	typed(t, err)
	out.WriteString(printed(w, err))

	result, err := w.Execute(t.Context(), action(`{"discord_message":"t"}`))
	typed(t, err)
	out.WriteString(printed(w, err))
	plan, err := w.Plan(t.Context(), action(`{"discord_message":"t"}`))
	require.NoError(t, err)
	for _, v := range []any{result, w.Test(t.Context()), plan} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		fmt.Fprintf(&out, "%s %+v %#v\n", b, v, v)
	}
	secretFree(t, out.String())
}

// printed is everything that can be made of a webhook and an error.
func printed(w *discord.Webhook, err error) string {
	var out bytes.Buffer
	for _, e := range []error{err, fmt.Errorf("one: %w", err), fmt.Errorf("two: %w", errors.Join(io.EOF, fmt.Errorf("one: %w", err)))} {
		holder := struct {
			Err     error
			inner   error
			Webhook *discord.Webhook
		}{e, e, w}
		for below := e; below != nil; below = errors.Unwrap(below) {
			fmt.Fprintf(&out, "%v %+v %#v %q %x\n", below, below, below, below, below)
		}
		fmt.Fprintf(&out, "%v %+v %#v\n%v %+v %#v\n", holder, holder, holder, w, w, w)
		if b, err := json.Marshal(map[string]any{"err": e, "holder": holder, "webhook": w}); err == nil {
			out.Write(b)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed",
				slog.Any("error", e), slog.Any("holder", holder), slog.Any("webhook", w))
		}
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(fmt.Sprintf("%+v %+v", e, holder))
		}()
	}
	return out.String()
}

// Whatever goes wrong, and whoever looks at it, the URL is not seen.
func TestTheURLIsNeverShown(t *testing.T) {
	t.Parallel()
	for name, fault := range faults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look(t, webhook(t, fault.base, discord.Config{Client: impatient(t)}))
		})
	}
}

// A transport may answer with anything, the URL included, in error and answer.
func FuzzSecrecy(f *testing.F) {
	f.Add("lookup host", 0, "")
	f.Add("", 404, `{"message":"`+token+`","code":10015,"`+token+`":"`+id+`"}`)
	f.Add("", 429, `{"retry_after":"`+token+`","global":true}`)
	f.Add("", 200, `{"id":"`+token+`","channel_id":"`+id+`"}`)
	f.Add("", 400, `{"code":50035,"errors":{"content":{"_errors":[{"code":"`+token+`"}]}}}`)
	f.Fuzz(func(t *testing.T, failure string, status int, body string) {
		failing := func() error {
			return &url.Error{Op: "Post", URL: "https://discord.com/api/webhooks/" + id + "/" + token, Err: errors.New(failure + token)}
		}
		c := client(t, func(*http.Request) (*http.Response, error) {
			if failure != "" {
				return nil, failing()
			}
			return answer(status, body, "Location: https://h/"+token, "Retry-After: "+token), nil
		})
		w := webhook(t, "https://discord.com", discord.Config{Client: c})
		_, err := w.Send(t.Context(), discord.Message{Content: "t"})
		if err != nil {
			secretFree(t, printed(w, err))
		}
	})
}

func TestASecretQueryIsNotShown(t *testing.T) {
	t.Parallel()
	base := broken(t, "", hangUp).base
	w, err := discord.New(connectors.NewSecret(base+"/hook?key="+token), discord.Config{Client: impatient(t)})
	require.NoError(t, err)
	look(t, w)
	plan, err := w.Plan(t.Context(), action(`{"discord_message":"t"}`))
	require.NoError(t, err)
	assert.Equal(t, base+"/...?wait=true", plan.URL)
}
