package health_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestTLSExpiry(t *testing.T) {
	t.Parallel()
	now := time.Now()
	root := newAuthority(t, nil, now.Add(9000*time.Hour))
	shortRoot := newAuthority(t, nil, now.Add(10*time.Hour))
	middle := newAuthority(t, root, now.Add(10*time.Hour))
	old := newAuthority(t, root, now.Add(-time.Hour))
	long := now.Add(1000 * time.Hour)
	plain := func(c *tls.Config) {}
	for _, tc := range []struct {
		name    string
		handle  func(net.Conn)
		roots   *authority
		cfg     func(*tls.Config)
		outcome health.Outcome
		reason  string
		text    string
	}{
		{"lasts", shakesHands(root.issue(long)), root, plain, health.OutcomeOK, "", ""},
		{"lasts a little longer", shakesHands(root.issue(now.Add(25 * time.Hour))), root, plain, health.OutcomeOK, "", ""},
		{"expires soon", shakesHands(root.issue(now.Add(23 * time.Hour))), root, plain, health.OutcomeDegraded, "tls", "certificate expires in 22h59m"},
		{"intermediate expires soon", shakesHands(middle.issue(long)), root, plain, health.OutcomeDegraded, "tls", "certificate expires in 9h59m"},
		{"root expires soon", shakesHands(shortRoot.issue(long)), shortRoot, plain, health.OutcomeDegraded, "tls", "certificate expires in 9h59m"},
		{"expired", shakesHands(root.issue(now.Add(-time.Hour))), root, plain, health.OutcomeFailed, "tls", "certificate has expired"},
		{"intermediate expired", shakesHands(old.issue(long)), root, plain, health.OutcomeFailed, "tls", "x509"},
		{"unknown authority", shakesHands(shortRoot.issue(long)), root, plain, health.OutcomeFailed, "tls", "unknown authority"},
		{"wrong name", shakesHands(root.issue(long)), root, func(c *tls.Config) { c.ServerName = "other.test" }, health.OutcomeFailed, "tls", "other.test"},
		{"other name", shakesHands(root.issue(long)), root, func(c *tls.Config) { c.ServerName = "name.test" }, health.OutcomeOK, "", ""},
		{"unverified", shakesHands(root.issue(long)), root, unverified, health.OutcomeOK, "", ""},
		{"unverified, expires soon", shakesHands(root.issue(now.Add(time.Hour))), root, unverified, health.OutcomeDegraded, "tls", "certificate expires in 59m"},
		{"unverified, expired", shakesHands(root.issue(now.Add(-time.Hour))), root, unverified, health.OutcomeFailed, "tls", "certificate expired 1h0m"},
		{"clock of the configuration", shakesHands(root.issue(long)), root, func(c *tls.Config) {
			c.Time = func() time.Time { return long.Add(-time.Hour) }
		}, health.OutcomeDegraded, "tls", "certificate expires in "},
		{"client certificate refused", refusesClients(root.issue(long)), root, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, health.OutcomeFailed, "tls", "remote error: tls: "},
		{"no common version", shakesHands(root.issue(long)), root, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		}, health.OutcomeFailed, "tls", "protocol version"},
		{"not TLS", says("HTTP/1.1 400 Bad Request\r\n\r\n"), root, plain, health.OutcomeFailed, "tls", "first record does not look like a TLS handshake"},
		{"hangs up", hangUp, root, plain, health.OutcomeFailed, "other", ""},
		{"silent", silent, root, plain, health.OutcomeTimeout, "timeout", "deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if tc.outcome == health.OutcomeTimeout {
				timeout = tinyTimeout
			}
			cfg := tc.roots.trusted()
			tc.cfg(cfg)
			s := serve(t, tc.handle)
			c := health.TLSExpiry(s.addr(), 24*time.Hour, cfg)
			got := checkedAs(t, c, timeout)
			assert.Equal(t, tc.outcome, got.Outcome)
			assert.Equal(t, tc.reason, got.Reason)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			err := c.Check(ctx)
			assert.Equal(t, tc.outcome == health.OutcomeOK, err == nil, "%v", err)
			if err != nil {
				require.ErrorContains(t, err, tc.text)
				require.ErrorContains(t, err, "health: "+s.addr()+": ")
			}
			assert.Eventually(t, func() bool { return s.open.Load() == 0 }, 5*time.Second, time.Millisecond, "connections are closed")
		})
	}
}

func unverified(c *tls.Config) { c.InsecureSkipVerify = true }

func refusesClients(cert tls.Certificate) func(net.Conn) {
	return func(conn net.Conn) {
		silent(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}))
	}
}

func TestTLSExpiryRefused(t *testing.T) {
	t.Parallel()
	got := checkedAs(t, health.TLSExpiry(refusing, time.Hour, nil), 0)
	assert.Equal(t, health.OutcomeFailed, got.Outcome)
	assert.Equal(t, "refused", got.Reason)
}

func TestTLSExpiryMisconfigured(t *testing.T) {
	t.Parallel()
	_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: health.TLSExpiry(refusing, -1, nil)})
	require.EqualError(t, err, `health: check "x": negative time to expiry -1ns`)
	_, err = health.New(health.Config{}, health.Check{Name: "x", Checker: health.TLSExpiry(refusing, 0, nil)})
	assert.NoError(t, err)
}

// A client that resumes its session never sees the renewed certificate.
func TestTLSExpirySeesARenewal(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, time.Now().Add(9000*time.Hour))
	current := root.issue(time.Now().Add(time.Hour))
	server := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &current, nil }}
	s := serve(t, func(conn net.Conn) {
		c := tls.Server(conn, server)
		_ = c.Handshake()
		silent(c)
	})
	cfg := root.trusted()
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	cfg.MaxVersion = tls.VersionTLS12 // its tickets come before the handshake ends
	c := health.TLSExpiry(s.addr(), 24*time.Hour, cfg)
	require.Error(t, c.Check(t.Context()))
	assert.Eventually(t, func() bool { return s.open.Load() == 0 }, 5*time.Second, time.Millisecond)
	current = root.issue(time.Now().Add(1000 * time.Hour))
	assert.NoError(t, c.Check(t.Context()))
}

func TestTLSExpiryLeavesNothing(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, time.Now().Add(9000*time.Hour))
	s := serve(t, shakesHands(root.issue(time.Now().Add(1000*time.Hour))))
	c := health.TLSExpiry(s.addr(), time.Hour, root.trusted())
	assertNothingLeft(t, c, 100, 5*time.Second, s)
	assertConcurrent(t, c)
	mute := serve(t, silent)
	assertNothingLeft(t, health.TLSExpiry(mute.addr(), time.Hour, nil), 100, 2*time.Millisecond, mute)
	assertPromptWhenCancelled(t, health.TLSExpiry(mute.addr(), time.Hour, nil))
}
