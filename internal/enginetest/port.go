package enginetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports come from below the range that systems hand out by themselves. An
// engine that is down keeps its port until it is started again: nobody else is
// given it, and a dial of the closed port cannot connect to itself.
const (
	firstPort = 20000
	ports     = 10000
)

// freePort returns a loopback port that nothing listens on.
func freePort(ctx context.Context) (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(ports) //nolint:gosec // spreads ports, guards nothing
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp4", loopback(port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("enginetest: no free loopback port")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
