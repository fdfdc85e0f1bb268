package slack

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/connectors"
)

// Execute posts the message of an action, whose configuration is
// {"channel":"...","slack_message":"..."}, with "blocks" besides the message or in
// its place, and optionally "thread_ts" and "no_unfurl". The text is plain, as
// [Message.Text] is.
//
// What the blocks of an action hold is sent as it is: placeholders in them need the
// escaper of package template for Slack (template.Slack), or a payload can notify a
// channel and show a link under another name.
func (b *Bot) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	config, err := read(a)
	if err == nil {
		_, err = b.Post(ctx, config.Channel, config.message)
	} else {
		err = b.named("execute", err)
	}
	return connectors.NewResult(start, "posted to Slack", err), err
}

// Plan validates an action and returns the request that Execute would make,
// without the token. In an action that is not rendered, lengths are not checked.
func (b *Bot) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	config, err := read(a)
	if err == nil {
		err = checkChannel(config.Channel)
	}
	if err != nil {
		return connectors.Plan{}, b.named("plan", err)
	}
	plan, err := config.plan(a.Unrendered, config.Channel)
	if err != nil {
		return connectors.Plan{}, b.named("plan", err)
	}
	plan.URL, plan.Header = b.base+"/chat.postMessage", http.Header{"Content-Type": {botContentType}}
	plan.Summary = "would POST to " + b.host + " for channel " + strconv.Quote(config.Channel) + ": " + config.quoted()
	return plan, nil
}

// Test calls auth.test, which needs no scope and changes nothing. It tells that the
// token is valid, not that the bot may write to a channel. A test waits for no turn
// and takes none, and it calls Slack when the token was found dead before.
func (b *Bot) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	err := checkContext(ctx)
	if err == nil {
		if _, e, _ := b.call(connectors.ProbeContext(ctx), "auth.test", []byte("{}")); e != nil {
			err = e
		}
	}
	return connectors.NewResult(start, "the token is valid", err)
}
