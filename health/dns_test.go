package health_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// nameserver answers queries on loopback (RFC 1035 section 4.1).
type nameserver struct {
	rcode byte
	addrs []string
	mute  bool
}

func (ns nameserver) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		for buf := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if !ns.mute {
				_, _ = conn.WriteTo(ns.answer(buf[:n]), from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (ns nameserver) answer(query []byte) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	end := header
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end++
	qtype := binary.BigEndian.Uint16(query[end:])
	out := append([]byte(nil), query[:end+4]...)
	out[2], out[3] = 0x81, 0x80|ns.rcode // a response, recursion desired and available
	count := uint16(0)
	for _, s := range ns.addrs {
		addr := netip.MustParseAddr(s)
		if addr.Is4() && qtype != typeA || addr.Is6() && qtype != typeAAAA {
			continue
		}
		out = append(out, 0xc0, header) // the name of the question
		out = binary.BigEndian.AppendUint16(out, qtype)
		out = append(out, 0, 1, 0, 0, 0, 60, 0, byte(len(addr.AsSlice())))
		out = append(out, addr.AsSlice()...)
		count++
	}
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], count)
	clear(out[8:header]) // no authority, nothing additional
	return out
}

func TestDNS(t *testing.T) {
	t.Parallel()
	both := []string{"192.0.2.1", "2001:db8::1"}
	for _, tc := range []struct {
		name    string
		ns      nameserver
		min     int
		outcome health.Outcome
		reason  string
		text    string
	}{
		{"enough", nameserver{addrs: both}, 2, health.OutcomeOK, "", ""},
		{"IPv4 only", nameserver{addrs: both[:1]}, 1, health.OutcomeOK, "", ""},
		{"IPv6 only", nameserver{addrs: both[1:]}, 1, health.OutcomeOK, "", ""},
		{"too few", nameserver{addrs: both}, 3, health.OutcomeFailed, "dns", "health: lookup db.test.: addresses: got 2, want 3"},
		{"one address twice", nameserver{addrs: []string{"192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"}}, 2, health.OutcomeFailed, "dns", "got 1, want 2"},
		{"no such name", nameserver{rcode: 3}, 1, health.OutcomeFailed, "dns", "no such host"},
		{"name without addresses", nameserver{}, 1, health.OutcomeFailed, "dns", "no such host"},
		{"server fails", nameserver{rcode: 2}, 1, health.OutcomeFailed, "dns", "server misbehaving"},
		{"server is silent", nameserver{mute: true}, 1, health.OutcomeTimeout, "dns", "i/o timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if tc.ns.mute {
				timeout = time.Second // past a tenth of it, the run would count as stuck
			}
			c := health.DNSWith(tc.ns.resolver(t), "db.test.", tc.min)
			got := checkedAs(t, c, timeout)
			assert.Equal(t, tc.outcome, got.Outcome)
			assert.Equal(t, tc.reason, got.Reason)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			if tc.text != "" {
				require.ErrorContains(t, c.Check(ctx), tc.text)
			}
		})
	}
}

func TestDNSUsesTheDefaultResolver(t *testing.T) {
	t.Parallel()
	require.NoError(t, health.DNS("localhost", 1).Check(t.Context()))
	err := health.DNS("localhost", 99).Check(t.Context())
	assert.ErrorContains(t, err, "health: lookup localhost: addresses: got ")
}

func TestDNSMisconfigured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		host string
		min  int
		want string
	}{
		{"", 1, "no host"},
		{"db.test:5432/x", 1, "host is not a name or an address"},
		{"hunter2@db.test", 1, "host is not a name or an address"},
		{"192.0.2.1", 1, "host is an address: there is nothing to resolve"},
		{"::1", 1, "host is an address: there is nothing to resolve"},
		{"fe80::1%eth0", 1, "host is an address: there is nothing to resolve"},
		{"db.test", 0, "at least 0 addresses: want one or more"},
		{"db.test", -1, "at least -1 addresses: want one or more"},
	} {
		_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: health.DNS(tc.host, tc.min)})
		require.EqualError(t, err, `health: check "x": `+tc.want)
		require.EqualError(t, health.DNS(tc.host, tc.min).Check(t.Context()), "health: "+tc.want)
	}
}

func TestDNSLeavesNothing(t *testing.T) {
	t.Parallel()
	c := health.DNSWith(nameserver{addrs: []string{"192.0.2.1"}}.resolver(t), "db.test.", 1)
	assertNothingLeft(t, c, 1000, 5*time.Second, nil)
	assertConcurrent(t, c)
	assertPromptWhenCancelled(t, health.DNSWith(nameserver{mute: true}.resolver(t), "db.test.", 1))
}

// A name that does not resolve is the same failure wherever it shows.
func TestUnresolvedNames(t *testing.T) {
	t.Parallel()
	nx := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "db.test", IsNotFound: true}}
	hung := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o timeout", Name: "db.test", IsTimeout: true}}
	for _, tc := range []struct {
		err     error
		outcome health.Outcome
		reason  string
	}{
		{nx, health.OutcomeFailed, "dns"},
		{hung, health.OutcomeTimeout, "dns"},
		{errors.Join(errDown, hung), health.OutcomeTimeout, "dns"},
		{health.Degraded(hung), health.OutcomeDegraded, "dns"},
		{health.Reason("other", hung), health.OutcomeFailed, "other"},
	} {
		got := checkedAs(t, fails(tc.err), 0)
		assert.Equal(t, tc.outcome, got.Outcome, "%v", tc.err)
		assert.Equal(t, tc.reason, got.Reason, "%v", tc.err)
	}
}
