package health

import (
	"context"
	"fmt"
	"net"
)

// TCP checks that addr, host:port with the port as a number, accepts a
// connection, which it closes at once without a byte sent. A failure has the
// reason refused, dns, timeout or other.
//
// It says little: an operating system accepts for a process that hangs, too. It
// may also disturb: a server may log each such connection, and MySQL blocks the
// host of a client that breaks off max_connect_errors handshakes. Where there
// is a protocol to speak, use [HTTP], [TLSExpiry] or [SQLQuery].
func TCP(addr string) Checker { return tcpCheck(addr) }

type tcpCheck string

func (addr tcpCheck) remote() bool { return true }

func (addr tcpCheck) validate() error { return validAddr(string(addr)) }

func (addr tcpCheck) Check(ctx context.Context) error {
	conn, err := dialTCP(ctx, string(addr))
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	_ = conn.Close() // it was accepted, which is all that is asked
	return nil
}

// dialTCP has errors without the prefix of the package: it serves other
// checkers, too.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	if err := validAddr(addr); err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}
