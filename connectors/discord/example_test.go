package discord_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

func Example() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s\n", body)
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message": "Unknown Webhook", "code": 10015}`)
	}))
	defer standIn.Close()

	hook, err := discord.New(connectors.NewSecret(standIn.URL+"/api/webhooks/1/XXXX"), discord.Config{})
	if err != nil {
		panic(err)
	}
	_, err = hook.Send(context.Background(), discord.Message{
		Content: "Order **42** of " + discord.Escape("*Alex*"),
		Embeds:  []discord.Embed{{Title: "Items", Fields: []discord.Field{{Name: "Tea", Value: "2"}}}},
	})
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		fmt.Println(e.Code, e.Kind, e.Permanent())
	}
	// Output:
	// {"content":"Order **42** of \\*Alex\\*","embeds":[{"title":"Items","fields":[{"name":"Tea","value":"2"}]}],"allowed_mentions":{"parse":[]}}
	// 10015 not_found true
}

func ExampleEscape() {
	name := "[win](https://evil.example) @everyone" // data
	fmt.Printf("%+q\n", "New user: **"+discord.Escape(name)+"**")
	// Output: "New user: **\\[win\\]\\(https://evil.example%29 @\u200beveryone**"
}
