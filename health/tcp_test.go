package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestTCP(t *testing.T) {
	t.Parallel()
	up := serve(t, silent)
	require.NoError(t, health.TCP(up.addr()).Check(t.Context()))
	assert.Eventually(t, func() bool { return up.open.Load() == 0 }, 5*time.Second, time.Millisecond, "the connection is closed")

	got := checkedAs(t, health.TCP(refusing), 0)
	assert.Equal(t, health.OutcomeFailed, got.Outcome)
	assert.Equal(t, "refused", got.Reason)
	assert.ErrorContains(t, health.TCP(refusing).Check(t.Context()), "health: dial tcp 127.0.0.1:1: ")
}

func TestTCPAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"":                               "no address",
		"db.test":                        "address is not host:port, with an IPv6 host in brackets",
		"::1:5432":                       "address is not host:port, with an IPv6 host in brackets",
		":5432":                          "no host",
		"db.test:":                       "port is not a number from 1 to 65535",
		"db.test:0":                      "port is not a number from 1 to 65535",
		"db.test:65536":                  "port is not a number from 1 to 65535",
		"db.test:postgresql":             "port is not a number from 1 to 65535",
		"a:hunter2@db.test:5432":         "address is not host:port, with an IPv6 host in brackets",
		"hunter2@db.test:5432":           "host is not a name or an address",
		"//db.test:5432":                 "host is not a name or an address",
		"db test:5432":                   "host is not a name or an address",
		"db.test\n:5432":                 "host is not a name or an address",
		"a,b:5432":                       "host is not a name or an address",
		"db.test:5432":                   "",
		"[::1]:5432":                     "",
		"[fe80::1%eth0]:5432":            "",
		"münchen.test:443":               "",
		"_srv.name.test:65535":           "",
		"postgres://u:hunter2@h:1/hunt2": "address is not host:port, with an IPv6 host in brackets",
	} {
		for kind, c := range map[string]health.Checker{"tcp": health.TCP(addr), "tls": health.TLSExpiry(addr, time.Hour, nil)} {
			_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: c})
			if want == "" {
				require.NoError(t, err, "%s %q", kind, addr)
				continue
			}
			require.EqualError(t, err, `health: check "x": `+want, "%s %q", kind, addr)
			require.EqualError(t, c.Check(t.Context()), "health: "+want, "%s %q: a direct call neither dials nor tells", kind, addr)
		}
	}
}

func TestTCPLeavesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, silent)
	assertNothingLeft(t, health.TCP(s.addr()), 1000, 5*time.Second, s)
	assertNothingLeft(t, health.TCP(refusing), 1000, 5*time.Second, nil)
	assertConcurrent(t, health.TCP(s.addr()))
}
