package connectors

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// maxWritten is how often net/http may write a request within an attempt. Over
// HTTP/2 it repeats those that the receiver says it did not process (RFC 9113,
// section 8.7), and a receiver can say so for ever.
const maxWritten = 3

// errWritten is why net/http may not repeat a request.
func errWritten() error { return errors.New("connectors: the request may have been sent") }

// gotConn notes that an attempt has a connection. It ends one that net/http is
// about to repeat and must not: HTTP/2 looks at the context before it writes.
//
// HTTP/1.1 repeats what may be written once only if nothing of it was, which it
// knows from the socket. HTTP/2 repeats after a protocol error of the receiver too,
// who may have acted on the request.
func (f *flight) gotConn(conn net.Conn) {
	f.connected.Store(true)
	secure, ok := conn.(*tls.Conn)
	f.http2.Store(ok && secure.ConnectionState().NegotiatedProtocol == "h2")
	if n := f.written.Load(); n >= maxWritten || f.once && n > 0 {
		f.stopped.Store(true)
		f.cancel(errWritten())
	}
}

// wroteHeaders notes that the header of the request was written: over HTTP/1.1 to
// a buffer perhaps, so that it counts only where a repetition is harmless.
func (f *flight) wroteHeaders() {
	if f.http2.Load() || !f.once {
		f.written.Add(1)
	}
}

// unlessWritten gives net/http the body of a request that may be sent once only
// again as long as nothing of it was written. Of a foreign transport this is not
// known.
func (f *flight) unlessWritten(getBody func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if !f.entered.Load() || f.written.Load() > 0 {
			return nil, errWritten()
		}
		return getBody()
	}
}
