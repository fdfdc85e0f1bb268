package connectorstest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/slack"
)

func ExampleSlack() {
	t := exampleT() // in a test, its *testing.T

	s := connectorstest.NewSlack(t)
	hook, err := slack.NewWebhook(s.WebhookURL(), slack.Config{})
	if err != nil {
		panic(err)
	}
	s.Fail(404, "no_service")
	fmt.Println(hook.Test(context.Background()).Code)
	fmt.Println(hook.Send(context.Background(), slack.Message{Text: "Hello"}))
	for _, r := range s.Requests() {
		fmt.Printf("%s\n", r.Body)
	}
	// Output:
	// no_service
	// <nil>
	// {}
	// {"text":"Hello"}
}

// exampleT stands in for the *testing.T that an example does not have.
func exampleT() testing.TB { return &silentT{} }

type silentT struct{ testing.TB }

func (*silentT) Helper() {}

func (*silentT) Cleanup(func()) {}
