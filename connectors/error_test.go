package connectors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind                 connectors.Kind
		retryable, permanent bool
	}{
		{connectors.KindAuth, false, true},
		{connectors.KindNotFound, false, true},
		{connectors.KindGone, false, true},
		{connectors.KindInvalid, false, true},
		{connectors.KindBlocked, false, true},
		{connectors.KindTooLarge, false, true},
		{connectors.KindRateLimited, true, false},
		{connectors.KindTimeout, true, false},
		{connectors.KindNetwork, true, false},
		{connectors.KindServer, true, false},
		{connectors.KindOpen, true, false},
		{connectors.KindCanceled, false, false},
	}
	for _, tt := range tests {
		e := &connectors.Error{Kind: tt.kind, RetryAfter: time.Second}
		assert.Equal(t, tt.retryable, e.Retryable(), tt.kind)
		assert.Equal(t, tt.permanent, e.Permanent(), tt.kind)
		assert.Equal(t, time.Second, e.RetryDelay())
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*connectors.Error{
		"connectors: network": {Kind: connectors.KindNetwork},
		"slack: send: hooks.slack.com: status 404: Slack does not accept messages at this webhook (no_service)": {
			Connector: "slack", Op: "send", Host: "hooks.slack.com", Status: 404, Message: "Slack does not accept messages at this webhook", Code: "no_service",
		},
		"connectors: h:1: connection refused": {Host: "h:1", Message: "connection refused"},
	} {
		assert.Equal(t, want, e.Error())
		require.NotErrorIs(t, e, context.Canceled)
		require.NoError(t, errors.Unwrap(e))
	}
}

func TestKindOfStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]connectors.Kind{
		301: connectors.KindInvalid, 400: connectors.KindInvalid, 401: connectors.KindAuth, 403: connectors.KindAuth,
		404: connectors.KindNotFound, 408: connectors.KindTimeout, 409: connectors.KindInvalid, 410: connectors.KindGone,
		413: connectors.KindTooLarge, 422: connectors.KindInvalid, 429: connectors.KindRateLimited, 500: connectors.KindServer,
		503: connectors.KindServer, 599: connectors.KindServer,
	} {
		assert.Equal(t, want, connectors.KindOfStatus(status), status)
	}
}

func TestUnclear(t *testing.T) {
	t.Parallel()
	for kind, want := range map[connectors.Kind]bool{
		connectors.KindTimeout: true, connectors.KindNetwork: true, connectors.KindCanceled: true, connectors.KindServer: true,
		connectors.KindTooLarge: true, // the header of the answer
		connectors.KindAuth:     false, connectors.KindNotFound: false, connectors.KindGone: false, connectors.KindInvalid: false,
		connectors.KindRateLimited: false, connectors.KindBlocked: false, connectors.KindOpen: false,
	} {
		assert.Equal(t, want, (&connectors.Error{Kind: kind}).Unclear(), kind)
		assert.False(t, (&connectors.Error{Kind: kind, Unsent: true}).Unclear(), kind)
	}
	assert.False(t, (&connectors.Error{Kind: connectors.KindTooLarge, Status: 413}).Unclear())
}
