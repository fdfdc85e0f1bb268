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

func ExampleMessage_raw() {
	userName := "<!channel>" // data, which must not notify anybody
	m := slack.Message{Text: "*Hello* " + slack.Escape(userName) + ", see <https://example.com|the order>", Raw: true}
	fmt.Println(m.Text)
	// Output: *Hello* &lt;!channel&gt;, see <https://example.com|the order>
}
