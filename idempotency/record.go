package idempotency

import (
	"encoding/binary"
	"errors"
	"net/http"
)

// A record is what a store keeps of a response:
//
//	magic "BWI" | version | flags | status uint16 | headers | trailers | body
//
// Headers and trailers are a count and that many pairs of length-prefixed
// strings, one pair a value; the body takes the rest. An unknown version means
// a newer writer: the request did run, so the record is not replayable, and
// never absent.
const (
	recordMagic   = "BWI"
	recordVersion = 1
	flagTombstone = 1
	maxFields     = 1 << 12 // more is no response of ours
)

var errNotReplayable = errors.New("idempotency: record is not replayable")

// response is a recorded response.
type response struct {
	status  int
	header  http.Header
	trailer http.Header
	body    []byte
}

// tombstone is the record of a request that ran and whose response was not
// kept.
func tombstone() []byte { return []byte(recordMagic + "\x01\x01") }

func (resp *response) encode() []byte {
	size := len(recordMagic) + 4 + fieldsSize(resp.header) + fieldsSize(resp.trailer) + len(resp.body)
	b := make([]byte, 0, size)
	b = append(b, recordMagic...)
	b = append(b, recordVersion, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(resp.status)) //nolint:gosec // WriteHeader admits 100 to 999
	b = appendFields(b, resp.header)
	b = appendFields(b, resp.trailer)
	return append(b, resp.body...)
}

func fieldsSize(h http.Header) int {
	size := binary.MaxVarintLen16
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + 2*binary.MaxVarintLen16
		}
	}
	return size
}

func appendFields(b []byte, h http.Header) []byte {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	b = binary.AppendUvarint(b, uint64(n))
	for name, values := range h {
		for _, v := range values {
			b = appendString(b, name)
			b = appendString(b, v)
		}
	}
	return b
}

// decodeRecord reads a record. Every record that is not a whole response of a
// known version is errNotReplayable. The body aliases b.
func decodeRecord(b []byte) (*response, error) {
	const head = len(recordMagic) + 2
	if len(b) < head+2 || string(b[:len(recordMagic)]) != recordMagic ||
		b[len(recordMagic)] != recordVersion || b[len(recordMagic)+1] != 0 {
		return nil, errNotReplayable
	}
	d := decoder{b: b[head+2:]}
	resp := &response{status: int(binary.BigEndian.Uint16(b[head:]))}
	resp.header = d.fields()
	resp.trailer = d.fields()
	resp.body = d.b
	if d.failed || resp.status < 200 || resp.status > 999 {
		return nil, errNotReplayable
	}
	return resp, nil
}

type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) fields() http.Header {
	n := d.uvarint()
	if d.failed || n > maxFields {
		d.failed = true
		return nil
	}
	h := make(http.Header, n)
	for range n {
		name, value := d.string(), d.string()
		h[name] = append(h[name], value)
	}
	return h
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.failed = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.failed = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
