package httprequest_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// names is a resolver without a network. Each lookup of a name takes the next of
// its addresses, the last one for good; other names do not exist.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go n.serve(there)
		return here, nil
	}}
}

// serve answers queries as over TCP, each after its length (RFC 1035, section
// 4.2.2), until the resolver hangs up.
func (n *names) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := n.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func (n *names) answer(query []byte) []byte {
	var labels []string
	at := 12 // the header
	for query[at] != 0 {
		end := at + 1 + int(query[at])
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	at++
	isA := binary.BigEndian.Uint16(query[at:]) == 1
	addr, known := n.next(strings.Join(labels, "."), isA)
	status, count := byte(0x80), byte(0)
	if !known {
		status = 0x83 // no such name
	}
	var record []byte
	if known && isA {
		count = 1
		record = append([]byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4}, addr.AsSlice()...)
	}
	out := append([]byte{query[0], query[1], 0x81, status, 0, 1, 0, count, 0, 0, 0, 0}, query[12:at+4]...)
	return append(out, record...)
}

// next returns the address of a lookup, which asks for both families: the query
// for IPv4 takes it.
func (n *names) next(name string, take bool) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.addrs[name]
	if len(all) == 0 {
		return netip.Addr{}, false
	}
	if take && len(all) > 1 {
		n.addrs[name] = all[1:]
	}
	return netip.MustParseAddr(all[0]), true
}
