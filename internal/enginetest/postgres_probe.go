package enginetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

// logIn fails unless the server lets the user in; one that still recovers
// answers with an error. It returns after the server has closed the
// connection, so that the test does not see it among those of its own.
func logIn(_ context.Context, conn net.Conn) error {
	const (
		version    = 3 << 16
		parameters = "user\x00postgres\x00database\x00postgres\x00\x00"
		terminate  = "X\x00\x00\x00\x04"
	)
	startup := binary.BigEndian.AppendUint32(nil, uint32(8+len(parameters)))
	startup = binary.BigEndian.AppendUint32(startup, version)
	if _, err := conn.Write(append(startup, parameters...)); err != nil {
		return err
	}
	for {
		var head [5]byte // type, then the length of itself and the body
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		body := io.LimitReader(conn, int64(binary.BigEndian.Uint32(head[1:]))-4)
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		switch head[0] {
		case 'E':
			return fmt.Errorf("login was refused: %s", strings.ReplaceAll(string(text), "\x00", " "))
		case 'Z': // ready for a query
			if _, err := io.WriteString(conn, terminate); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, conn)
			return err
		}
	}
}
