package idempotency

// For the fuzz targets.

func ParseKey(value string, strict bool) (string, error) { return parseKey(value, strict) }

func DecodeAndEncode(record []byte) (again []byte, ok bool) {
	resp, err := decodeRecord(record)
	if err != nil {
		return nil, false
	}
	return resp.encode(resp.body, 0), true
}

// Sign gives a record a checksum that is right.
func Sign(record []byte) {
	if len(record) >= recordHead {
		seal(record)
	}
}
