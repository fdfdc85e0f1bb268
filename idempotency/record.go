package idempotency

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A record is what a store keeps of a response:
//
//	magic "BWI" | version | flags | CRC-32C | status uint16 | headers | trailers | body
//
// Headers and trailers are a count of lines and a length, and that many pairs
// of length-prefixed strings; the body takes the rest. The checksum covers all
// other bytes. An unknown version means a newer writer, and a wrong checksum
// damage: the request did run, so the record is not replayable, and never
// absent.
const (
	recordMagic   = "BWI"
	recordVersion = 1
	flagTombstone = 1
	sumAt         = len(recordMagic) + 2
	recordHead    = sumAt + 4
	maxLines      = 1 << 12 // more is no response of ours
)

var errNotReplayable = errors.New("idempotency: record is not replayable")

// response is a recorded response.
type response struct {
	status  int
	header  fields
	trailer fields
	body    []byte
}

// tombstone is the record of a request that ran and whose response was not
// kept.
func tombstone() []byte {
	b := appendRecordHead(nil, flagTombstone)
	seal(b)
	return b
}

func (resp *response) encode() []byte {
	size := recordHead + 2 + linesSize(resp.header) + linesSize(resp.trailer) + len(resp.body)
	b := appendRecordHead(make([]byte, 0, size), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(resp.status)) //nolint:gosec // WriteHeader admits 100 to 999
	b = appendLines(b, resp.header)
	b = appendLines(b, resp.trailer)
	b = append(b, resp.body...)
	seal(b)
	return b
}

func appendRecordHead(b []byte, flags byte) []byte {
	b = append(b, recordMagic...)
	return append(b, recordVersion, flags, 0, 0, 0, 0)
}

func seal(rec []byte) { binary.BigEndian.PutUint32(rec[sumAt:], checksum(rec)) }

// checksum covers rec without the checksum itself.
func checksum(rec []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the package's own, made once
	return crc32.Update(crc32.Update(0, table, rec[:sumAt]), table, rec[recordHead:])
}

func linesSize(f fields) int {
	size := 2 * binary.MaxVarintLen32
	for _, line := range f {
		for _, v := range line.values {
			size += len(line.name) + len(v) + 2*binary.MaxVarintLen32
		}
	}
	return size
}

func appendLines(b []byte, f fields) []byte {
	count, size := 0, 0
	for _, line := range f {
		count += len(line.values)
		for _, v := range line.values {
			size += stringSize(line.name) + stringSize(v)
		}
	}
	b = binary.AppendUvarint(b, uint64(count))
	b = binary.AppendUvarint(b, uint64(size))
	for _, line := range f {
		for _, v := range line.values {
			b = appendString(b, line.name)
			b = appendString(b, v)
		}
	}
	return b
}

func stringSize(s string) int {
	n := 1
	for rest := len(s) >> 7; rest > 0; rest >>= 7 {
		n++
	}
	return n + len(s)
}

// decodeRecord reads a record. Every record that is not a whole response of a
// known version is errNotReplayable. The body aliases b.
func decodeRecord(b []byte) (response, error) {
	const version, flags = len(recordMagic), len(recordMagic) + 1
	if len(b) < recordHead+2 || string(b[:version]) != recordMagic || b[version] != recordVersion || b[flags] != 0 ||
		binary.BigEndian.Uint32(b[sumAt:]) != checksum(b) {
		return response{}, errNotReplayable
	}
	d := decoder{b: b[recordHead+2:]}
	resp := response{status: int(binary.BigEndian.Uint16(b[recordHead:]))}
	resp.header = d.lines()
	resp.trailer = d.lines()
	resp.body = d.b
	if d.failed || resp.status < 200 || resp.status > 999 {
		return response{}, errNotReplayable
	}
	return resp, nil
}

type decoder struct {
	b      []byte
	failed bool
}

// lines reads a section. One string holds the text of all its names and values.
func (d *decoder) lines() fields {
	count, size := d.uvarint(), d.uvarint()
	if d.failed || count > maxLines || size > uint64(len(d.b)) {
		d.failed = true
		return nil
	}
	if count == 0 {
		d.failed = size != 0
		return nil
	}
	section := sectionReader{b: d.b[:size], text: string(d.b[:size])}
	d.b = d.b[size:]
	f, values := make(fields, 0, count), make([]string, 0, count)
	for range count {
		name, value := section.string(), section.string()
		values = append(values, value)
		n := len(values)
		if last := len(f) - 1; last >= 0 && f[last].name == name {
			f[last].values = values[n-1-len(f[last].values) : n : n]
			continue
		}
		f = append(f, field{name, values[n-1 : n : n]})
	}
	d.failed = section.failed || section.at != len(section.b)
	return f
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

// sectionReader cuts strings out of one text.
type sectionReader struct {
	b      []byte
	text   string
	at     int
	failed bool
}

func (s *sectionReader) string() string {
	size, n := binary.Uvarint(s.b[s.at:])
	if n <= 0 || size > uint64(len(s.b)-s.at-n) { //nolint:gosec // a rest is not negative
		s.failed = true
		return ""
	}
	start := s.at + n
	s.at = start + int(size) //nolint:gosec // within the section
	return s.text[start:s.at]
}
