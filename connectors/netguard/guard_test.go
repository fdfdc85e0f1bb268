package netguard_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

func TestNewReportsAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := netguard.New(netguard.Config{
		Allow: []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.0.0.0/8")},
		Deny:  []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 8)},
		NAT64: prefixes("10.0.0.0/32", "2001:db8::/33"),
	})
	require.Error(t, err)
	for _, want := range []string{
		"netguard: Config.Allow[0] (invalid Prefix) is no prefix",
		"netguard: Config.Allow[1] (0.0.0.0/0) permits every address",
		"netguard: Config.Deny[0] (::ffff:10.0.0.0/8) is shorter than the 96 bits",
		"netguard: Config.NAT64[0] (10.0.0.0/32) is no IPv6 prefix",
		"netguard: Config.NAT64[1] (2001:db8::/33) is no IPv6 prefix",
	} {
		assert.Contains(t, err.Error(), want)
	}
	assert.NotContains(t, err.Error(), "Allow[2]")
}

func TestNewCopiesItsLists(t *testing.T) {
	t.Parallel()
	list := prefixes("10.0.0.0/8")
	g := guard(t, netguard.Config{Allow: list})
	list[0] = netip.MustParsePrefix("192.168.0.0/16")
	assert.True(t, permits(t, g, "10.0.0.1"))
	assert.False(t, permits(t, g, "192.168.0.1"))
}

func TestControl(t *testing.T) {
	t.Parallel()
	tests := []struct {
		network, address string
		anyPort          bool
		want             string
	}{
		{"tcp", "8.8.8.8:443", false, ""},
		{"tcp4", "8.8.8.8:80", false, ""},
		{"tcp6", "[2606:4700:4700::1111]:443", false, ""},
		{"tcp6", "[::ffff:8.8.8.8]:443", false, ""},
		{"tcp", "8.8.8.8:8080", false, "netguard: the port is not permitted"},
		{"tcp", "8.8.8.8:0", false, "netguard: the port is not permitted"},
		{"tcp", "127.0.0.1:22", false, "netguard: the port is not permitted"},
		{"tcp", "8.8.8.8:8080", true, ""},
		{"tcp", "8.8.8.8:65535", true, ""},
		{"tcp", "8.8.8.8:0", true, "netguard: the port is not permitted"},
		{"tcp", "8.8.8.8:65536", true, public},
		{"tcp", "127.0.0.1:22", true, public},

		{"udp", "8.8.8.8:443", false, public},
		{"udp4", "8.8.8.8:443", false, public},
		{"ip", "8.8.8.8", false, public},
		{"unix", "/var/run/docker.sock", false, public},
		{"", "8.8.8.8:443", false, public},
		{"tcp", "", false, public},
		{"tcp", "8.8.8.8", false, public},
		{"tcp", "example.com:443", false, public},
		{"tcp", "0177.0.0.1:80", false, public},
		{"tcp", "8.8.8.8:http", false, public},
		{"tcp", "2606:4700:4700::1111:443", false, public},
		{"tcp6", "[fe80::1%eth0]:80", false, public},
		{"tcp6", "[fe80::1%]:80", false, public},
		{"tcp6", "[fe80::1%25eth0]:80", false, public},
		{"tcp6", "[%eth0]:80", false, public},
		{"tcp", "\x00:80", false, public},
	}
	for _, tt := range tests {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			t.Parallel()
			g := guard(t, netguard.Config{AnyPort: tt.anyPort})
			err := g.Control(t.Context(), tt.network, tt.address, nil)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
			assertRefusal(t, err)
		})
	}
}

func TestTheZeroGuardRefusesEverything(t *testing.T) {
	t.Parallel()
	var g netguard.Guard
	assert.False(t, permits(t, &g, "8.8.8.8"))
	require.ErrorIs(t, g.CheckURL(parse(t, "https://8.8.8.8/")), netguard.ErrBlocked)
	_, err := g.DialContext(t.Context(), "tcp", "127.0.0.1:443")
	require.ErrorIs(t, err, netguard.ErrBlocked)
}
