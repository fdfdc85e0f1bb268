package idempotency_test

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

// served posts over one connection to a server on the loopback interface, which
// is kept alive. Client and server take turns, so what one touches the other
// does not touch meanwhile.
type served struct {
	*service

	server *httptest.Server
	conn   net.Conn
	in     *bufio.Reader
	head   []byte // of each request, up to the key
	out    []byte
	raw    []byte // the last response
}

func newServed(wrap middleware) exchange {
	s := newService(wrap)
	server := httptest.NewServer(s)
	addr := server.Listener.Addr()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		panic(err)
	}
	head := fmt.Appendf(nil, "POST /charges HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", addr, contentType, len(payload))
	return &served{service: s, server: server, conn: conn, in: bufio.NewReader(conn), head: head}
}

// post does no more than it must, since a client that is slow would make all
// contenders look alike.
func (x *served) post(key string) {
	b := append(x.out[:0], x.head...)
	if key != "" {
		b = append(append(append(b, keyHeader+": "...), key...), "\r\n"...)
	}
	b = append(append(b, "\r\n"...), payload...)
	x.out = b
	if _, err := x.conn.Write(b); err != nil {
		panic(err)
	}
	if err := x.receive(); err != nil {
		panic(err)
	}
}

func (x *served) receive() error {
	x.raw = x.raw[:0]
	length := 0
	for {
		line, err := x.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		x.raw = append(x.raw, line...)
		if len(line) == len("\r\n") {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	n := len(x.raw)
	x.raw = slices.Grow(x.raw, length)[:n+length]
	_, err := io.ReadFull(x.in, x.raw[n:])
	return err
}

func (x *served) answer() answer {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(x.raw)), nil)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get(ownHeader), string(body)}
}

func (x *served) close() {
	_ = x.conn.Close()
	x.server.Close()
	x.service.close()
}
