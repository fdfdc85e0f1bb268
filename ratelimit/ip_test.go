package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// The peers of most tests: a proxy in 10.0.0.0/8 or 2001:db8:aaaa::/48, which
// are trusted, and a client elsewhere.
const (
	proxy  = "10.0.0.1:4711"
	client = "203.0.113.7:4711"
)

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func newIPResolver(tb testing.TB, cfg ratelimit.IPConfig, trusted ...string) *ratelimit.IPResolver {
	tb.Helper()
	res, err := ratelimit.NewIPResolver(prefixes(trusted...), cfg)
	require.NoError(tb, err)
	return res
}

func ipRequest(peer, header string, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	r.Header[header] = lines
	return r
}

// addrOf is the client's address, or "" when there is none.
func addrOf(t *testing.T, res *ratelimit.IPResolver, r *http.Request) string {
	t.Helper()
	addr, err := res.Addr(r)
	if err != nil {
		assert.Equal(t, netip.Addr{}, addr)
		return ""
	}
	return addr.String()
}

func TestNewIPResolver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		trusted []netip.Prefix
		cfg     ratelimit.IPConfig
		want    []string
	}{
		{"nothing trusted", nil, ratelimit.IPConfig{}, nil},
		{"everything set", prefixes("10.0.0.0/8", "2001:db8::1/128"), ratelimit.IPConfig{IPv6Prefix: 128, Header: "CF-Connecting-IP"}, nil},
		{"prefix of one bit", prefixes("128.0.0.0/1"), ratelimit.IPConfig{IPv6Prefix: 1, Forwarded: true}, nil},
		{"all of IPv4", prefixes("0.0.0.0/0"), ratelimit.IPConfig{}, []string{"trusted[0] (0.0.0.0/0) holds every address"}},
		{"all of IPv6", prefixes("10.0.0.0/8", "::/0"), ratelimit.IPConfig{Forwarded: true}, []string{"trusted[1] (::/0) holds every address"}},
		{"all of IPv4, mapped", prefixes("::ffff:0.0.0.0/96"), ratelimit.IPConfig{}, []string{"trusted[0] (::ffff:0.0.0.0/96) holds every address"}},
		{"all, for one header", prefixes("0.0.0.0/0", "::/0"), ratelimit.IPConfig{Header: "X-Real-IP"}, nil},
		{"mapped address with an IPv4 length", prefixes("::ffff:10.0.0.0/8"), ratelimit.IPConfig{Header: "X-Real-IP"}, []string{"shorter than the 96 bits"}},
		{"IPv6Prefix under 0", nil, ratelimit.IPConfig{IPv6Prefix: -1}, []string{"IPv6Prefix is -1"}},
		{"IPv6Prefix over 128", nil, ratelimit.IPConfig{IPv6Prefix: 129}, []string{"IPv6Prefix is 129"}},
		{"header with a space", nil, ratelimit.IPConfig{Header: "X Real"}, []string{`"X Real" is no field name`}},
		{"header with a colon", nil, ratelimit.IPConfig{Header: "X-Real-IP:"}, []string{"is no field name"}},
		{"header outside of ASCII", nil, ratelimit.IPConfig{Header: "X-Réal"}, []string{"is no field name"}},
		{
			"everything wrong",
			[]netip.Prefix{{}, netip.PrefixFrom(netip.IPv4Unspecified(), 33)},
			ratelimit.IPConfig{IPv6Prefix: 129, Forwarded: true, Header: "\n"},
			[]string{"IPv6Prefix", "no field name", "both Forwarded and Header", "trusted[0] (invalid Prefix) is no prefix", "trusted[1]"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, err := ratelimit.NewIPResolver(tt.trusted, tt.cfg)
			if tt.want == nil {
				require.NoError(t, err)
				require.NotNil(t, res)
				return
			}
			require.Error(t, err)
			assert.Nil(t, res)
			assert.Len(t, strings.Split(err.Error(), "\n"), len(tt.want))
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				assert.True(t, strings.HasPrefix(line, "ratelimit: "), line)
			}
		})
	}
}

func TestIPResolverCopiesTrusted(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8")
	res, err := ratelimit.NewIPResolver(trusted, ratelimit.IPConfig{})
	require.NoError(t, err)
	trusted[0] = netip.MustParsePrefix("192.0.2.0/24")
	assert.Equal(t, "203.0.113.7", addrOf(t, res, ipRequest(proxy, "X-Forwarded-For", "203.0.113.7")))
}

// Without trusted peers the client is the peer, however its address is written.
func TestIPResolverPeer(t *testing.T) {
	t.Parallel()
	tests := []struct{ peer, want string }{
		{"203.0.113.7:4711", "203.0.113.7"},
		{"203.0.113.7", "203.0.113.7"},
		{"[2001:db8::1]:4711", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::1"},
		{"[fe80::1%eth0]:4711", "fe80::1"},
		{"fe80::1%eth0", "fe80::1"},
		{"[::ffff:203.0.113.7]:4711", "203.0.113.7"},
		{"::ffff:cb00:7107", "203.0.113.7"},
		{"[64:ff9b::203.0.113.7]:4711", "64:ff9b::cb00:7107"},
		{"0.0.0.0:1", "0.0.0.0"},
		{"[ff02::1]:1", "ff02::1"},
		{"@", ""},
		{"", ""},
		{"/run/app.sock", ""},
		{"garbage:80", ""},
		{"203.0.113:80", ""},
		{"203.0.113.7:", ""},
		{"203.0.113.7:http", ""},
		{"203.0.113.7:65536", ""},
		{"203.0.113.7%eth0:80", ""},
		{"[203.0.113.7]:80", ""},
		{"[2001:db8::1", ""},
		{"[2001:db8::1]80", ""},
		{"2001:db8::1]:80", ""},
		{"[fe80::1%]:80", ""},
		{"[]:80", ""},
		{"[", ""},
		{":80", ""},
		{" 203.0.113.7", ""},
	}
	for _, tt := range tests {
		t.Run(tt.peer, func(t *testing.T) {
			t.Parallel()
			r := ipRequest(tt.peer, "X-Forwarded-For", "192.0.2.1")
			assert.Equal(t, tt.want, addrOf(t, newIPResolver(t, ratelimit.IPConfig{}), r))
			assert.Equal(t, tt.want, addrOf(t, &ratelimit.IPResolver{}, r), "the zero IPResolver trusts nobody")
		})
	}
}

func TestIPResolverXForwardedFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		peer  string
		lines []string
		want  string
	}{
		{"no header", proxy, nil, "10.0.0.1"},
		{"one hop", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"two trusted hops", proxy, []string{"203.0.113.7, 10.0.0.3,10.0.0.2"}, "203.0.113.7"},
		{"untrusted peer", client, []string{"192.0.2.1"}, "203.0.113.7"},
		{"untrusted peer that claims a proxy", client, []string{"192.0.2.1, 10.0.0.1"}, "203.0.113.7"},
		{"spoofed leftmost", proxy, []string{"192.0.2.1, 203.0.113.7"}, "203.0.113.7"},
		{"spoofed as a trusted address", proxy, []string{"10.0.0.9, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"spoofed in a line of its own", proxy, []string{"192.0.2.1", "203.0.113.7"}, "203.0.113.7"},
		{"a proxy a line", proxy, []string{"192.0.2.1, 203.0.113.7", "10.0.0.3", "10.0.0.2"}, "203.0.113.7"},
		{"lines are one list", proxy, []string{"203.0.113.7,10.0.0.4", "10.0.0.3, 10.0.0.2"}, "203.0.113.7"},
		{"all trusted", proxy, []string{"10.0.0.4, 10.0.0.3", "10.0.0.2"}, "10.0.0.4"},
		{"IPv6 client, IPv4 proxies", proxy, []string{"2001:db8::7, 10.0.0.2"}, "2001:db8::7"},
		{"IPv4 client, IPv6 proxies", "[2001:db8:aaaa::1]:80", []string{"203.0.113.7, 2001:db8:aaaa::2, 10.0.0.2"}, "203.0.113.7"},
		{"mapped peer", "[::ffff:10.0.0.1]:80", []string{"203.0.113.7"}, "203.0.113.7"},
		{"mapped hops", proxy, []string{"192.0.2.1, ::ffff:203.0.113.7, ::ffff:10.0.0.2, [::FFFF:a00:3]:80"}, "203.0.113.7"},
		{"translated client", proxy, []string{"64:ff9b::10.0.0.2"}, "64:ff9b::a00:2"},
		{"IPv4 port", proxy, []string{"203.0.113.7:4711, 10.0.0.2:80"}, "203.0.113.7"},
		{"IPv6 brackets and port", proxy, []string{"[2001:db8::7]:4711, [2001:db8:aaaa::2]:80"}, "2001:db8::7"},
		{"IPv6 brackets without port", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"zone", proxy, []string{"fe80::7%eth0, [2001:db8:aaaa::1%a]:80"}, "fe80::7"},
		{"spaces and tabs", proxy, []string{" \t203.0.113.7 \t,\t10.0.0.2 "}, "203.0.113.7"},
		{"unreadable in the middle", proxy, []string{"203.0.113.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"unreadable at the end", proxy, []string{"203.0.113.7, 10.0.0.2, x"}, "10.0.0.1"},
		{"quoted", proxy, []string{`"203.0.113.7"`}, "10.0.0.1"},
		{"leading zeros", proxy, []string{"203.0.113.007"}, "10.0.0.1"},
		{"two addresses without a comma", proxy, []string{"192.0.2.1 203.0.113.7"}, "10.0.0.1"},
		{"empty in the middle", proxy, []string{"203.0.113.7,,10.0.0.2"}, "10.0.0.2"},
		{"empty at the end", proxy, []string{"203.0.113.7, 10.0.0.2,"}, "10.0.0.1"},
		{"empty at the start", proxy, []string{",10.0.0.2"}, "10.0.0.2"},
		{"empty left of the client", proxy, []string{", ,203.0.113.7"}, "203.0.113.7"},
		{"empty line", proxy, []string{"203.0.113.7", "", "10.0.0.2"}, "10.0.0.2"},
		{"empty header", proxy, []string{""}, "10.0.0.1"},
		{"100,000 commas", proxy, []string{strings.Repeat(",", 100_000)}, "10.0.0.1"},
		{"100,000 commas before the client", proxy, []string{strings.Repeat(",", 100_000) + "203.0.113.7"}, "203.0.113.7"},
		{"64 entries to skip", proxy, []string{"203.0.113.7, 10.0.0.64" + strings.Repeat(",10.0.0.2", 63)}, "10.0.0.64"},
		{"64 entries to skip, over lines", proxy, append([]string{"203.0.113.7", "10.0.0.64"}, slices.Repeat([]string{"10.0.0.2"}, 63)...), "10.0.0.64"},
		{"63 entries to skip", proxy, []string{"203.0.113.7" + strings.Repeat(",10.0.0.2", 63)}, "203.0.113.7"},
		{"100,000 trusted", proxy, []string{"203.0.113.7" + strings.Repeat(",10.0.0.2", 100_000)}, "10.0.0.2"},
	}
	res := newIPResolver(t, ratelimit.IPConfig{}, "10.0.0.0/8", "2001:db8:aaaa::/48")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ipRequest(tt.peer, "X-Forwarded-For", tt.lines...)
			for _, other := range []string{"X-Real-Ip", "Forwarded", "Cf-Connecting-Ip", "X-Client-Ip"} {
				r.Header[other] = []string{"192.0.2.99"}
			}
			assert.Equal(t, tt.want, addrOf(t, res, r))
		})
	}
}

// A trusted prefix means the same in all its notations.
func TestIPResolverTrusted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		trusted, peer string
		want          bool
	}{
		{"10.0.0.0/8", "10.255.0.1:80", true},
		{"10.0.0.0/8", "[::ffff:10.255.0.1]:80", true},
		{"10.0.0.0/8", "11.0.0.1:80", false},
		{"10.1.2.3/8", "10.255.0.1:80", true},
		{"::ffff:10.0.0.0/104", "10.255.0.1:80", true},
		{"::ffff:10.0.0.0/104", "[::ffff:10.255.0.1]:80", true},
		{"::ffff:10.0.0.0/104", "11.0.0.1:80", false},
		{"::ffff:10.0.0.1/128", "10.0.0.1:80", true},
		{"::ffff:10.0.0.1/128", "10.0.0.2:80", false},
		{"fe80::/10", "[fe80::1%eth0]:80", true},
		{"64:ff9b::/96", "[64:ff9b::10.0.0.1]:80", true},
		{"64:ff9b::/96", "10.0.0.1:80", false},
		{"10.0.0.0/8", "[64:ff9b::10.0.0.1]:80", false},
	}
	for _, tt := range tests {
		t.Run(tt.trusted+" "+tt.peer, func(t *testing.T) {
			t.Parallel()
			got := addrOf(t, newIPResolver(t, ratelimit.IPConfig{}, tt.trusted), ipRequest(tt.peer, "X-Forwarded-For", "203.0.113.7"))
			assert.Equal(t, tt.want, got == "203.0.113.7", got)
		})
	}
}

func TestIPResolverHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		peer  string
		lines []string
		want  string
	}{
		{"one address", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"spaces", proxy, []string{" 203.0.113.7\t"}, "203.0.113.7"},
		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"mapped", proxy, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"port", proxy, []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"a trusted address", proxy, []string{"10.0.0.9"}, "10.0.0.9"},
		{"untrusted peer", client, []string{"192.0.2.1"}, "203.0.113.7"},
		{"missing", proxy, nil, "10.0.0.1"},
		{"empty", proxy, []string{""}, "10.0.0.1"},
		{"two lines", proxy, []string{"203.0.113.7", "203.0.113.7"}, "10.0.0.1"},
		{"two addresses", proxy, []string{"192.0.2.1, 203.0.113.7"}, "10.0.0.1"},
		{"no address", proxy, []string{"unknown"}, "10.0.0.1"},
	}
	res := newIPResolver(t, ratelimit.IPConfig{Header: "CF-Connecting-IP"}, "10.0.0.0/8")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ipRequest(tt.peer, "Cf-Connecting-Ip", tt.lines...)
			r.Header.Set("X-Forwarded-For", "192.0.2.99")
			assert.Equal(t, tt.want, addrOf(t, res, r))
		})
	}
}

func TestByIP(t *testing.T) {
	t.Parallel()
	const long = "[2001:db8:1:2345:6789:abcd:ef01:2345]:80"
	tests := []struct {
		name   string
		prefix int
		peer   string
		want   string
	}{
		{"IPv4", 0, "203.0.113.7:80", "203.0.113.7"},
		{"IPv4 is whole under any prefix", 1, "203.0.113.7:80", "203.0.113.7"},
		{"mapped", 0, "[::ffff:203.0.113.7]:80", "203.0.113.7"},
		{"/64 by default", 0, long, "2001:db8:1:2345::/64"},
		{"/64, another host", 0, "[2001:db8:1:2345::1]:80", "2001:db8:1:2345::/64"},
		{"/64, another network", 0, "[2001:db8:1:2346::1]:80", "2001:db8:1:2346::/64"},
		{"/56", 56, long, "2001:db8:1:2300::/56"},
		{"/48", 48, long, "2001:db8:1::/48"},
		{"/1", 1, "[ff02::1]:80", "8000::/1"},
		{"/128", 128, long, "2001:db8:1:2345:6789:abcd:ef01:2345/128"},
		{"translated", 0, "[64:ff9b::203.0.113.7]:80", "64:ff9b::/64"},
		{"translated, /128", 128, "[64:ff9b::203.0.113.7]:80", "64:ff9b::cb00:7107/128"},
		{"zone", 0, "[fe80::1%eth0]:80", "fe80::/64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := newIPResolver(t, ratelimit.IPConfig{IPv6Prefix: tt.prefix})
			key, err := ratelimit.ByIP(res)(ipRequest(tt.peer, "X"))
			require.NoError(t, err)
			assert.Equal(t, tt.want, key)
		})
	}
	t.Run("zero IPResolver", func(t *testing.T) {
		t.Parallel()
		key, err := ratelimit.ByIP(&ratelimit.IPResolver{})(ipRequest(long, "X"))
		require.NoError(t, err)
		assert.Equal(t, "2001:db8:1:2345::/64", key)
	})
}

// Requests without an address share one bucket of tier Free.
func TestByIPWithoutAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		res   *ratelimit.IPResolver
		peers []string
	}{
		{"no peer", newIPResolver(t, ratelimit.IPConfig{}), []string{"@", "", "garbage"}},
		{"nil IPResolver", nil, []string{"203.0.113.7:80", "203.0.113.8:80", "@"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				key := ratelimit.ByIP(tt.res)
				lim, err := ratelimit.New(newStore(), key, ratelimit.Fixed(ratelimit.Paid), ratelimit.Config{})
				require.NoError(t, err)
				for i, peer := range tt.peers {
					r := ipRequest(peer, "X-Forwarded-For", "192.0.2.1")
					_, err := key(r)
					require.Error(t, err)
					d, err := lim.Allow(r)
					require.NoError(t, err)
					assert.Equal(t, "free", d.Policy)
					assert.Equal(t, ratelimit.Free.Burst-1-i, d.Tokens)
				}
			})
		})
	}
}

//nolint:paralleltest // allocations are counted over the whole process
func TestIPResolverAllocations(t *testing.T) {
	const list = "192.0.2.1, [2001:db8:1:2345:6789:abcd:ef01:2345%eth0]:4711, 10.0.0.3:80"
	const element = `for=192.0.2.1, For="[2001:db8:1:2345:6789:abcd:ef01:2345%eth0]:4711";host="a\",b", for=10.0.0.3`
	tests := []struct {
		name string
		cfg  ratelimit.IPConfig
		r    *http.Request
	}{
		{"peer", ratelimit.IPConfig{}, ipRequest("[fe80::1%eth0]:4711", "X")},
		{"X-Forwarded-For", ratelimit.IPConfig{}, ipRequest(proxy, "X-Forwarded-For", list, "10.0.0.2")},
		{"Forwarded", ratelimit.IPConfig{Forwarded: true}, ipRequest(proxy, "Forwarded", element, "for=10.0.0.2")},
		{"one header", ratelimit.IPConfig{Header: "X-Real-IP"}, ipRequest(proxy, "X-Real-Ip", "203.0.113.7")},
		{"100,000 trusted", ratelimit.IPConfig{}, ipRequest(proxy, "X-Forwarded-For", strings.Repeat("10.0.0.2,", 100_000)+"10.0.0.2")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := newIPResolver(t, tt.cfg, "10.0.0.0/8")
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = res.Addr(tt.r) }))
			key := ratelimit.ByIP(res)
			assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = key(tt.r) }), 1.0)
		})
	}
}
