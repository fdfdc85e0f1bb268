package slack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

func Example() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s\n", body)
		http.Error(w, "no_service", http.StatusNotFound)
	}))
	defer standIn.Close()

	hook, err := slack.NewWebhook(connectors.NewSecret(standIn.URL+"/services/T000/B000/XXXX"), slack.Config{})
	if err != nil {
		panic(err)
	}
	err = hook.Send(context.Background(), slack.Message{Text: "R&D says <hello>"})
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		fmt.Println(e.Code, e.Kind, e.Permanent())
	}
	// Output:
	// {"text":"R&amp;D says &lt;hello&gt;"}
	// no_service not_found true
}

func ExampleBot() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s %s\n", r.URL.Path, body)
		_, _ = io.WriteString(w, `{"ok":true,"channel":"C123","ts":"1503435956.000247"}`)
	}))
	defer standIn.Close()

	bot, err := slack.NewBot(connectors.NewSecret("xoxb-..."), slack.Config{BaseURL: standIn.URL}) // BaseURL: for tests
	if err != nil {
		panic(err)
	}
	ts, err := bot.Post(context.Background(), "C123", slack.Message{Text: "The order has left"})
	if err != nil {
		panic(err)
	}
	_, err = bot.Post(context.Background(), "C123", slack.Message{Text: "It has arrived", ThreadTS: ts})
	fmt.Println(err)
	// Output:
	// /chat.postMessage {"channel":"C123","text":"The order has left"}
	// /chat.postMessage {"channel":"C123","text":"It has arrived","thread_ts":"1503435956.000247"}
	// <nil>
}

func ExampleMessage_raw() {
	userName := "<!channel>" // data, which must not notify anybody
	m := slack.Message{Text: "*Hello* " + slack.Escape(userName) + ", see <https://example.com|the order>", Raw: true}
	fmt.Println(m.Text)
	// Output: *Hello* &lt;!channel&gt;, see <https://example.com|the order>
}
