package httprequest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
	"github.com/bracework/bracework/connectors/netguard"
)

func Example() {
	c, err := httprequest.New(httprequest.Config{})
	if err != nil {
		panic(err)
	}
	for _, url := range []string{"http://169.254.169.254/latest/meta-data/", "https://api.example.com:22/"} {
		_, err = c.Execute(context.Background(), connectors.Action{
			Type: "http_request", Config: []byte(`{"url":"` + url + `","body":{"id":9007199254740993}}`),
		})
		if e, ok := errors.AsType[*connectors.Error](err); ok {
			fmt.Println(e.Code, e.Message)
		}
	}
	// Output:
	// unreachable the host cannot be reached
	// url_refused the port is not permitted
}

// A service of one's own is permitted. Credentials are looked up by the names
// that customers use, requests are signed, and the answer is read.
func ExampleConnector_Do() {
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Method, string(body), r.Header.Get("Authorization"), r.Header.Get("X-Signature") != "")
		fmt.Fprint(w, `{"ok":true}`)
	}))
	defer standIn.Close()

	guard, err := netguard.New(netguard.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AnyPort: true})
	if err != nil {
		panic(err)
	}
	c, err := httprequest.New(httprequest.Config{
		Guard: guard,
		Secret: func(_ context.Context, name, host string) (connectors.Secret, error) {
			if name != "shop-api" || host != "127.0.0.1" {
				return connectors.Secret{}, nil
			}
			return connectors.NewSecret("Bearer s3cr3t"), nil
		},
		Sign: func(r *http.Request, body []byte) error {
			mac := hmac.New(sha256.New, []byte("key"))
			mac.Write(body)
			r.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	resp, err := c.Do(context.Background(), httprequest.Request{
		URL: standIn.URL + "/orders", Secrets: map[string]string{"Authorization": "shop-api"}, Body: []byte(`{"price":1.10}`),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Status, string(resp.Body))
	// Output:
	// POST {"price":1.10} Bearer s3cr3t true
	// 200 {"ok":true}
}

// What a dry run shows of an action.
func ExampleConnector_Plan() {
	c, err := httprequest.New(httprequest.Config{})
	if err != nil {
		panic(err)
	}
	plan, err := c.Plan(context.Background(), connectors.Action{Config: []byte(
		`{"method":"PUT","url":"https://api.example.com/hooks/T0K3N","headers":{"X-Api-Key":"k3y"},"body":{"id":1}}`)})
	if err != nil {
		panic(err)
	}
	fmt.Println(plan.Summary)
	fmt.Println(plan.Header)
	// Output:
	// would PUT api.example.com/...: 8 bytes
	// map[Content-Type:[application/json] X-Api-Key:[***]]
}
