package connectors_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// fault is what an attempt meets.
type fault int

const (
	refused     fault = iota // nobody listens
	busy429                  // with Retry-After
	busy503                  // with Retry-After
	resetUnread              // the connection is reset before the request is read
	resetRead                // and after it
	silence
	cutHeader
	cutBody
	bare429
	bare503
	failed500
	success
	faults
)

func (f fault) answer() string {
	text := map[fault]string{
		busy429: "429 Too Many\r\nRetry-After: 0", busy503: "503 Busy\r\nRetry-After: 0",
		bare429: "429 Too Many", bare503: "503 Busy", failed500: "500 Failed", success: "200 OK",
	}[f]
	if text == "" {
		return ""
	}
	return "HTTP/1.1 " + text + "\r\nContent-Length: 2\r\n\r\nok"
}

// arrival is a request, or the attempt of one, as the receiver has it.
type arrival struct {
	fault     fault
	read      bool
	key, body string
}

// clear reports whether a request that arrived has certainly had no effect.
func (a arrival) clear() bool { return a.fault == busy429 }

// trial is one call: what its attempts will meet, and what arrived of them.
type trial struct {
	kind     kind
	schedule []fault

	handed atomic.Int32 // connections that the call got

	mu       sync.Mutex
	arrivals []arrival
}

// meet takes the next fault if it is one of those.
func (tr *trial) meet(a arrival, which func(fault) bool) (fault, bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	a.fault = success
	if n := len(tr.arrivals); n < len(tr.schedule) {
		a.fault = tr.schedule[n]
	}
	if !which(a.fault) {
		return a.fault, false
	}
	tr.arrivals = append(tr.arrivals, a)
	return a.fault, true
}

// kind is how a call is declared.
type kind struct {
	name     string
	method   string
	key      bool
	noBody   bool
	opts     connectors.CallOptions
	harmless bool
}

// receiver is a TCP server that does to each trial what its schedule says. A
// connection begins with the number of the trial.
type receiver struct {
	trials []*trial
	addr   string
}

func newReceiver(t *testing.T, trials []*trial) *receiver {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = ln.Close()
		serving.Wait()
	})
	rc := &receiver{trials: trials, addr: ln.Addr().String()}
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				rc.serve(conn.(*net.TCPConn))
			})
		}
	})
	return rc
}

func (rc *receiver) serve(conn *net.TCPConn) {
	var number uint32
	if binary.Read(conn, binary.BigEndian, &number) != nil {
		return
	}
	tr := rc.trials[number]
	reset := func() { _ = conn.SetLinger(0) }
	if _, met := tr.meet(arrival{}, func(f fault) bool { return f == resetUnread && fresh(number) }); met {
		reset()
		return
	}
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.URL.Path == "/warm" {
			_, _ = io.WriteString(conn, success.answer())
			if r.URL.RawQuery == "close" {
				return
			}
			continue
		}
		f, _ := tr.meet(arrival{read: true, key: r.Header.Get("Idempotency-Key"), body: string(body)}, func(fault) bool { return true })
		switch f {
		case resetRead, resetUnread: // the latter on a connection that is used again
			reset()
			return
		case refused: // likewise
			return
		case silence:
			_, _ = in.ReadByte()
			return
		case cutHeader:
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
			return
		case cutBody:
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12")
			return
		default:
			_, _ = io.WriteString(conn, f.answer())
		}
	}
}

// fresh reports whether each attempt of a trial has a connection of its own. Where
// they are used again, net/http may connect and not need it, so that a connection
// is no attempt.
func fresh(number uint32) bool { return number%3 == 0 }

// dial connects a trial, unless its next attempt is to be refused.
func (rc *receiver) dial(number int, dead string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		to := rc.addr
		if _, met := rc.trials[number].meet(arrival{}, func(f fault) bool { return f == refused }); met {
			to = dead
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		return conn, binary.Write(conn, binary.BigEndian, uint32(number))
	}
}

// A receiver counts what arrives, and how often, under a thousand random
// schedules of faults. What may be sent once only never arrives again after an
// attempt that may have had an effect.
func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	kinds := []kind{
		{name: "POST", method: "POST"},
		{name: "PATCH", method: "PATCH"},
		{name: "with a key", method: "POST", key: true},
		{name: "with a key and no body", method: "POST", key: true, noBody: true},
		{name: "declared without a key", method: "POST", opts: connectors.CallOptions{Idempotent: true}},
		{name: "declared", method: "POST", key: true, opts: connectors.CallOptions{Idempotent: true}, harmless: true},
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	trials := make([]*trial, 1000)
	for i := range trials {
		trials[i] = &trial{kind: kinds[i/3%len(kinds)]}
		for range 3 {
			trials[i].schedule = append(trials[i].schedule, fault(random.IntN(int(faults))))
		}
	}
	rc := newReceiver(t, trials)
	dead := strings.TrimPrefix(nobody(t), "http://")

	var careful, declared atomic.Int32 // repetitions
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 150 {
		workers.Go(func() {
			for number := range numbers {
				err := rc.call(t, number, dead)
				repeated := trials[number].judge(t, number, err)
				if trials[number].kind.harmless {
					declared.Add(int32(repeated))
				} else {
					careful.Add(int32(repeated))
				}
			}
		})
	}
	for number := range trials {
		numbers <- number
	}
	close(numbers)
	workers.Wait()
	t.Log("repetitions:", careful.Load(), "after a clear end, and", declared.Load(), "of what is declared after an unclear one")
	assert.Greater(t, careful.Load(), int32(10))
	assert.Greater(t, declared.Load(), int32(10))
}

// call makes the call of a trial, on a fresh connection or on one that was used.
func (rc *receiver) call(t *testing.T, number int, dead string) error {
	t.Helper()
	tr := rc.trials[number]
	c, err := connectors.NewClient(connectors.ClientConfig{Timeout: 500 * time.Millisecond, RetryBudget: -1})
	if err != nil {
		t.Error(err)
		return err
	}
	defer c.Close()
	connectors.TransportOf(c).DialContext = rc.dial(number, dead)
	connectors.TransportOf(c).DisableKeepAlives = fresh(uint32(number))
	path := []string{"", "/warm", "/warm?close"}[number%3]
	if path != "" && tr.schedule[0] != refused {
		_, _ = tr.send(t, c, http.MethodGet, path, "", connectors.CallOptions{})
	}
	body := fmt.Sprint("body ", number)
	if tr.kind.noBody {
		body = ""
	}
	status, err := tr.send(t, c, tr.kind.method, "/", body, tr.kind.opts)
	assert.True(t, err != nil || status != 0)
	return err
}

func (tr *trial) send(t *testing.T, c *connectors.Client, method, path, body string, opts connectors.CallOptions) (int, error) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tr.handed.Add(1) }})
	r, err := http.NewRequestWithContext(ctx, method, "http://h.test"+path, reader)
	if err != nil {
		t.Error(err)
		return 0, err
	}
	if tr.kind.key {
		r.Header.Set("Idempotency-Key", tr.key())
	}
	resp, err := c.Call(r, opts)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return resp.StatusCode, err
}

func (tr *trial) key() string { return fmt.Sprintf("key %p", tr) }

// judge looks at what arrived of a call, and returns how often it was repeated:
// after an unclear end if that is harmless, after a clear one if not.
func (tr *trial) judge(t *testing.T, number int, err error) (repeated int) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	history := fmt.Sprintf("trial %d, %s: %v became %+v: %v", number, tr.kind.name, tr.schedule, tr.arrivals, err)
	requests, busy, unsent, unclear := 0, 0, true, false
	for _, a := range tr.arrivals {
		if requests > 0 && (a.read || fresh(uint32(number))) {
			assert.True(t, !unclear || tr.kind.harmless, "sent again: %s", history)
			if unclear == tr.kind.harmless {
				repeated++
			}
		}
		if !a.read {
			continue
		}
		requests++
		unsent = false
		if a.clear() {
			busy++
		}
		unclear = unclear || !a.clear()
		if tr.kind.key {
			assert.Equal(t, tr.key(), a.key, history)
		}
		if !tr.kind.noBody {
			assert.Equal(t, fmt.Sprint("body ", number), a.body, history)
		}
	}
	assert.LessOrEqual(t, requests, 3, history)
	if handed := int(tr.handed.Load()); fresh(uint32(number)) && !tr.kind.harmless {
		// What was not read had no effect, but the client could not know.
		assert.LessOrEqual(t, handed, 1+busy, "sent again: %s", history)
		unsent = unsent && handed == 0
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Unsent {
		assert.True(t, unsent, "said to be unsent: %s", history)
	} else if err != nil {
		assert.True(t, ok, "%T: %s", err, history)
	}
	return repeated
}
