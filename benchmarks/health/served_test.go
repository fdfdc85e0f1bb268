package health_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
)

// served probes over one connection to a server on the loopback interface, which
// is kept alive. A kubelet makes a new one for each probe, which costs everyone
// the same; here it would use up the ports.
type served struct {
	server *httptest.Server
	conn   net.Conn
	in     *bufio.Reader
	out    []byte // the request
	raw    []byte // the last response
}

func newServed(s service) prober {
	server := httptest.NewServer(s)
	addr := server.Listener.Addr()
	conn := must(net.Dial(addr.Network(), addr.String()))
	return &served{
		server: server, conn: conn, in: bufio.NewReader(conn),
		out: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", s.target, addr),
	}
}

// probe does no more than it must, since a client that is slow would make all
// contenders look alike.
func (p *served) probe() {
	_, err := p.conn.Write(p.out)
	check(err)
	check(p.receive())
}

// receive wants a Content-Length: small answers have one.
func (p *served) receive() error {
	p.raw = p.raw[:0]
	length := -1
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		p.raw = append(p.raw, line...)
		if len(line) == len("\r\n") {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("no length: %q", p.raw)
	}
	n := len(p.raw)
	p.raw = slices.Grow(p.raw, length)[:n+length]
	_, err := io.ReadFull(p.in, p.raw[n:])
	return err
}

func (p *served) answer() answer {
	resp := must(http.ReadResponse(bufio.NewReader(bytes.NewReader(p.raw)), nil))
	body := must(io.ReadAll(resp.Body))
	resp.Header.Del("Date") // the server's own
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (p *served) close() {
	_ = p.conn.Close()
	p.server.Close()
}
