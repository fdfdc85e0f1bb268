package connectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
	slackgo "github.com/slack-go/slack"
	"golang.org/x/time/rate"
)

const text = "Hello Alex, your order 12345 shipped!"

// posters are contenders that post a message to an incoming webhook of Slack.
func posters() []contender {
	return []contender{
		{name: bare, open: postBare},
		{name: ours, open: func(url string, stub http.RoundTripper) call {
			return post(url, newClient(stub, connectors.ClientConfig{}))
		}},
		{name: "bracework-breaker", open: func(url string, stub http.RoundTripper) call {
			return post(url, newClient(stub, withBreaker()))
		}},
		{name: "slack-go", otherBody: true, open: func(url string, stub http.RoundTripper) call {
			client := bareClient(stub)
			return func() (answer, error) {
				return answer{}, slackgo.PostWebhookCustomHTTPContext(context.Background(), url, client, &slackgo.WebhookMessage{Text: text})
			}
		}},
	}
}

func post(url string, client *connectors.Client) call {
	hook := must(slack.NewWebhook(connectors.NewSecret(url), slack.Config{Client: client, Limiter: rate.NewLimiter(rate.Inf, 0)}))
	return func() (answer, error) {
		return answer{}, hook.Send(context.Background(), slack.Message{Text: text})
	}
}

// postBare is what services write themselves, without escaping.
func postBare(url string, stub http.RoundTripper) call {
	client, room := bareClient(stub), &bytes.Buffer{}
	return func() (answer, error) {
		body, err := json.Marshal(struct {
			Text string `json:"text"`
		}{text})
		if err != nil {
			return answer{}, err
		}
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return answer{}, err
		}
		r.Header.Set("Content-Type", "application/json")
		a, err := exchange(client.Do, r, room)
		if err == nil && (a.status != http.StatusOK || strings.TrimSpace(string(a.body)) != "ok") {
			err = errors.New("Slack did not accept the message")
		}
		return answer{}, err
	}
}
