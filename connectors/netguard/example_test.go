package netguard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/bracework/bracework/connectors/netguard"
)

func Example() {
	guard, err := netguard.New(netguard.Config{})
	if err != nil {
		panic(err)
	}
	client := &http.Client{
		Transport:     guard.Transport(nil),
		CheckRedirect: guard.CheckRedirect,
		Timeout:       10 * time.Second,
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1/admin", nil)
	if err != nil {
		panic(err)
	}
	if err := guard.CheckURL(r.URL); err != nil {
		fmt.Println(err)
	}
	_, err = client.Do(r)
	fmt.Println(err)

	// For the log of the operator only.
	if e, ok := errors.AsType[*netguard.Error](err); ok {
		fmt.Println(e.Detail())
	}
	// Output:
	// netguard: the host cannot be reached
	// Get "http://127.0.0.1/admin": netguard: the host cannot be reached
	// netguard: blocked: "127.0.0.1": loopback
}

// Before a customer's webhook is saved: what its text gives away.
func ExampleGuard_CheckURL() {
	guard, err := netguard.New(netguard.Config{})
	if err != nil {
		panic(err)
	}
	for _, text := range []string{
		"https://hooks.example.com/a",
		"https://hooks.example.com:8443/a",
		"ftp://hooks.example.com/a",
		"https://10.0.0.1/a",
		"https://0x7f.1/a",
	} {
		u, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		fmt.Println(guard.CheckURL(u))
	}
	// Output:
	// <nil>
	// netguard: the port is not permitted
	// netguard: the scheme of the URL is neither https nor http
	// netguard: the host cannot be reached
	// netguard: the host is neither a name nor an IP address in its usual form
}

// A service of one's own is permitted, public addresses of one's own are not.
func ExampleConfig() {
	guard, err := netguard.New(netguard.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.7/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("8.8.4.0/24")},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, address := range []string{"10.20.0.7:443", "10.20.0.8:443", "8.8.4.4:443", "8.8.8.8:443"} {
		fmt.Println(address, errors.Is(guard.Control(ctx, "tcp", address, nil), netguard.ErrBlocked))
	}
	// Output:
	// 10.20.0.7:443 false
	// 10.20.0.8:443 true
	// 8.8.4.4:443 true
	// 8.8.8.8:443 false
}
