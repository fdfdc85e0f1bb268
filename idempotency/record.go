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
// that follows it; what comes before has one value only. An unknown version means a newer writer, and a wrong checksum
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

// encode returns the record of a response whose body stands in buf behind room
// bytes for what comes before it. Where they are enough, and not much else is
// wasted, the record takes the memory of buf.
func (resp *response) encode(buf []byte, room int) []byte {
	var memory [512]byte // mostly enough, and then nothing is allocated
	head := appendRecordHead(memory[:0], 0)
	head = binary.BigEndian.AppendUint16(head, uint16(resp.status)) //nolint:gosec // WriteHeader admits 100 to 999
	head = appendLines(head, resp.header)
	head = appendLines(head, resp.trailer)
	rec := buf[max(room-len(head), 0):]
	if len(head) <= room && cap(buf)-len(rec) <= len(rec)/8 {
		copy(rec, head)
	} else {
		rec = append(append(make([]byte, 0, len(head)+len(buf)-room), head...), buf[room:]...)
	}
	seal(rec)
	return rec
}

// recordRoom is what the head of a record takes, at most, for a response whose
// header is sent: without trailers, and with a Content-Type that is found later.
func recordRoom(sent fields) int {
	_, size := linesSize(sent)
	if _, set := sent.get("Content-Type"); !set {
		size += 48
	}
	return recordHead + 2 + 4*binary.MaxVarintLen16 + int(size) //nolint:gosec // of strings in memory
}

func appendRecordHead(b []byte, flags byte) []byte {
	b = append(b, recordMagic...)
	return append(b, recordVersion, flags, 0, 0, 0, 0)
}

func seal(rec []byte) { binary.BigEndian.PutUint32(rec[sumAt:], checksum(rec)) }

func checksum(rec []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the package's own, made once
	return crc32.Update(0, table, rec[recordHead:])
}

func appendLines(b []byte, f fields) []byte {
	count, size := linesSize(f)
	b = binary.AppendUvarint(b, count)
	b = binary.AppendUvarint(b, size)
	for _, line := range f {
		for _, v := range line.values {
			b = appendString(b, line.name)
			b = appendString(b, v)
		}
	}
	return b
}

func linesSize(f fields) (count, size uint64) {
	for _, line := range f {
		count += uint64(len(line.values))
		for _, v := range line.values {
			size += stringSize(line.name) + stringSize(v)
		}
	}
	return count, size
}

func stringSize(s string) uint64 {
	size := uint64(len(s))
	n := size + 1
	for rest := size >> 7; rest > 0; rest >>= 7 {
		n++
	}
	return n
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
