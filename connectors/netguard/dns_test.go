package netguard_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// zone is a DNS server without a network. Its addresses are what each lookup of
// a name is answered with, one list after another, the last one for good.
type zone struct {
	mu    sync.Mutex
	hosts map[string][][]netip.Addr
	asked []string
}

// lists makes the answers of a name from texts such as "192.0.2.1 2001:db8::1".
func lists(texts ...string) [][]netip.Addr {
	var out [][]netip.Addr
	for _, text := range texts {
		var addrs []netip.Addr
		for field := range strings.FieldsSeq(text) {
			addrs = append(addrs, netip.MustParseAddr(field))
		}
		out = append(out, addrs)
	}
	return out
}

func (z *zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go z.serve(there)
		return here, nil
	}}
}

// lookups returns the names that were asked for, each lookup once.
func (z *zone) lookups() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.asked)
}

// serve answers queries in the form they have over TCP (RFC 1035, sections 4.1
// and 4.2.2). It ends with the connection, which the resolver closes.
func (z *zone) serve(conn net.Conn) {
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
		reply := z.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func (z *zone) answer(query []byte) []byte {
	const (
		header    = 12
		typeA     = 1
		typeAAAA  = 28
		noError   = 0x8180 // a response, recursion desired and available
		noSuch    = 0x8183
		firstName = 0xc00c // the name of the question
	)
	var labels []string
	at := header
	for n := int(query[at]); n != 0; n = int(query[at]) {
		labels = append(labels, string(query[at+1:at+1+n]))
		at += 1 + n
	}
	question := query[header : at+5]
	kind := binary.BigEndian.Uint16(query[at+1:])

	addrs, found := z.next(strings.Join(labels, "."), kind == typeA)
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return kind != typeA && kind != typeAAAA || a.Is4() != (kind == typeA)
	})
	status := uint16(noError)
	if !found {
		status = noSuch
	}
	out := slices.Clone(query[:2])
	for _, v := range []uint16{status, 1, uint16(len(addrs)), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	out = append(out, question...)
	for _, a := range addrs {
		out = binary.BigEndian.AppendUint16(out, firstName)
		out = binary.BigEndian.AppendUint16(out, kind)
		out = binary.BigEndian.AppendUint16(out, 1)
		out = binary.BigEndian.AppendUint32(out, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(a.BitLen()/8))
		out = append(out, a.AsSlice()...)
	}
	return out
}

// next returns the addresses of a lookup. One lookup asks for both families, at
// the same time; the query for IPv4 counts.
func (z *zone) next(name string, counts bool) ([]netip.Addr, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	all, ok := z.hosts[name]
	if counts {
		z.asked = append(z.asked, name)
	}
	if !ok {
		return nil, false
	}
	now := all[0]
	if counts && len(all) > 1 {
		z.hosts[name] = all[1:]
	}
	return now, true
}
