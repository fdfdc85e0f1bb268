package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/bracework/bracework/ratelimit"
)

// A service behind a load balancer whose nodes are in 10.0.0.0/16 and append
// the address of their peer to X-Forwarded-For.
func ExampleByIP() {
	res, err := ratelimit.NewIPResolver([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, ratelimit.IPConfig{})
	if err != nil {
		panic(err)
	}
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	defer store.Close()
	anonymous := ratelimit.Per("anonymous", 10, time.Hour)
	lim, err := ratelimit.New(store, ratelimit.ByIP(res), ratelimit.Fixed(anonymous), ratelimit.Config{})
	if err != nil {
		panic(err)
	}

	visit := func(peer, forwarded string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		addr, err := res.Addr(r)
		if err != nil {
			panic(err)
		}
		d, err := lim.Allow(r)
		if err != nil {
			panic(err)
		}
		fmt.Println(addr, d.Tokens)
	}
	visit("10.0.7.1:51000", "203.0.113.7")
	visit("10.0.7.2:51000", "192.0.2.99, 203.0.113.7") // a made-up address does not help
	visit("203.0.113.7:51000", "192.0.2.99")           // nor does going past the balancer
	visit("10.0.7.1:51000", "2001:db8::1")
	visit("10.0.7.1:51000", "2001:db8::2") // nor another address of the same /64
	// Output:
	// 203.0.113.7 9
	// 203.0.113.7 8
	// 203.0.113.7 7
	// 2001:db8::1 9
	// 2001:db8::2 8
}
