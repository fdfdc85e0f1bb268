package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// TLSExpiry checks that the server at addr, host:port with the port as a
// number, shows a certificate that a client accepts, and that it stays
// acceptable for more than minLeft:
//
//	accepted, more than minLeft left           ok
//	accepted, minLeft or less                  degraded, reason tls
//	expired, wrong name, unknown authority...  failed, reason tls
//	no server, no answer, breaks off           failed, reason refused, dns, timeout or other
//
// The whole chain counts, since an expired intermediate stops clients too; of
// several chains the one that lasts longest. cfg brings roots, a client
// certificate or a ServerName other than the host of addr; nil is the default of
// [crypto/tls]. It is copied. With InsecureSkipVerify only the dates of the
// server's own certificate are looked at.
//
// A negative minLeft is an error of [New] and [Health.Add]; with 0 nothing is
// degraded. Protocols that begin in plain text (STARTTLS) are not supported.
// Once an hour is often enough: see [Check.Every].
func TLSExpiry(addr string, minLeft time.Duration, cfg *tls.Config) Checker {
	return &tlsCheck{addr: addr, minLeft: minLeft, cfg: cfg.Clone()}
}

type tlsCheck struct {
	addr    string
	minLeft time.Duration
	cfg     *tls.Config
}

func (*tlsCheck) remote() bool { return true }

func (c *tlsCheck) validate() error {
	if c.minLeft < 0 {
		return fmt.Errorf("negative time to expiry %v", c.minLeft)
	}
	return validAddr(c.addr)
}

func (c *tlsCheck) Check(ctx context.Context) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	conn, err := dialTLS(ctx, c.addr, c.cfg)
	if err != nil {
		return fmt.Errorf("health: %s: %w", c.addr, err)
	}
	state := conn.ConnectionState()
	_ = conn.Close() // the handshake is all that is asked
	now := time.Now
	if c.cfg != nil && c.cfg.Time != nil {
		now = c.cfg.Time
	}
	left := expiry(state).Sub(now())
	switch {
	case left < 0: // seen with InsecureSkipVerify only
		return Reason(reasonTLS, fmt.Errorf("health: %s: certificate expired %v ago", c.addr, (-left).Truncate(time.Second)))
	case left <= c.minLeft:
		return Degraded(Reason(reasonTLS, fmt.Errorf("health: %s: certificate expires in %v", c.addr, left.Truncate(time.Second))))
	}
	return nil
}

// expiry is when the last of the chains breaks.
func expiry(state tls.ConnectionState) (last time.Time) {
	chains := state.VerifiedChains
	if len(chains) == 0 {
		chains = [][]*x509.Certificate{state.PeerCertificates[:1]}
	}
	for _, chain := range chains {
		first := chain[0].NotAfter
		for _, cert := range chain[1:] {
			if cert.NotAfter.Before(first) {
				first = cert.NotAfter
			}
		}
		if first.After(last) {
			last = first
		}
	}
	return last
}

// dialTLS connects and shakes hands. What is wrong with TLS itself has the
// reason tls; a server that is not there, or leaves, has not.
func dialTLS(ctx context.Context, addr string, cfg *tls.Config) (*tls.Conn, error) {
	raw, err := dialTCP(ctx, addr)
	if err != nil {
		return nil, err
	}
	cfg = cfg.Clone()
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(addr) // dialTCP would have failed
	}
	cfg.ClientSessionCache = nil // a resumed session shows the certificate of its first handshake
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		if brokeOff(err) {
			return nil, err
		}
		return nil, Reason(reasonTLS, err)
	}
	return conn, nil
}

// brokeOff reports whether a handshake failed with the connection or the
// context. An alert of either side is a [net.OpError] too, with another Op.
func brokeOff(err error) bool {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Op == "read" || e.Op == "write"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
