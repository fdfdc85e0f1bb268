package discord_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

const patience = 300 * time.Millisecond

// impatient is a client with a short limit.
func impatient(t *testing.T) *connectors.Client {
	t.Helper()
	c, err := connectors.NewClient(connectors.ClientConfig{Timeout: patience})
	require.NoError(t, err)
	return c
}

// fault is a receiver that fails, and how many messages reached it.
type fault struct {
	base  string
	posts *atomic.Int32
	kinds []connectors.Kind
}

// broken answers each connection on loopback with text and then does after; nil
// waits for the end of the test.
func broken(t *testing.T, text string, after func(net.Conn), kinds ...connectors.Kind) fault {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop, posts := make(chan struct{}), &atomic.Int32{}
	t.Cleanup(func() { close(stop); _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				n, _ := c.Read(buf)
				if bytes.Contains(buf[:n], []byte("Referer")) {
					t.Errorf("a redirect was followed: %s", buf[:n])
				}
				if bytes.HasPrefix(buf[:n], []byte("POST")) {
					posts.Add(1)
				}
				_, _ = io.WriteString(c, text)
				if after != nil {
					after(c)
					return
				}
				<-stop
			}()
		}
	}()
	return fault{"http://" + ln.Addr().String(), posts, kinds}
}

func hangUp(net.Conn) {}

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

func endless(c net.Conn) {
	for {
		if _, err := c.Write(bytes.Repeat([]byte(token), 1000)); err != nil {
			return
		}
	}
}

func drip(c net.Conn) {
	for {
		if _, err := c.Write([]byte(" ")); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func gzipped(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", b.Len(), b.String())
}

func faults(t *testing.T) map[string]fault {
	t.Helper()
	const (
		ok      = "HTTP/1.1 200 OK\r\n"
		timeout = connectors.KindTimeout
		network = connectors.KindNetwork
		server  = connectors.KindServer
		invalid = connectors.KindInvalid
	)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	target := broken(t, ok+"Content-Length: 0\r\n\r\n", func(net.Conn) { t.Error("the redirect was followed") }).base
	moved := func(status int, location string) fault {
		return broken(t, fmt.Sprintf("HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location), nil, invalid)
	}
	page := func(status int, body string) fault {
		return broken(t, fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body), nil, invalid, server)
	}
	tls := broken(t, token, hangUp, network)
	tls.base = strings.Replace(tls.base, "http:", "https:", 1)
	stall := broken(t, "", nil, timeout)
	stall.base = strings.Replace(stall.base, "http:", "https:", 1)
	return map[string]fault{
		"nobody listens":           {"http://" + closed.Addr().String(), &atomic.Int32{}, []connectors.Kind{network}},
		"silence":                  broken(t, "", nil, timeout),
		"slow header":              broken(t, ok+"X: "+token, nil, timeout),
		"slow body":                broken(t, ok+"Content-Length: 10\r\n\r\n12", nil, timeout),
		"a byte at a time":         broken(t, ok+"Content-Length: 1000\r\n\r\n", drip, timeout),
		"reset in the body":        broken(t, ok+"Content-Length: 10\r\n\r\n12", reset, network),
		"ends in the body":         broken(t, ok+"Content-Length: 10\r\n\r\n12", hangUp, network),
		"hangs up":                 broken(t, "", hangUp, network),
		"endless":                  broken(t, ok+"\r\n", endless, server),
		"gzip bomb":                broken(t, gzipped(t, 8<<20), nil, server),
		"redirect to itself":       moved(307, "/api/webhooks/"+id+"/"+token),
		"redirect elsewhere":       moved(308, target+"/"+token),
		"redirect with a GET":      moved(302, target+"/"+token),
		"broken redirect":          moved(301, "http://%zz"+token),
		"echoes the token":         page(400, token),
		"echoes the URL as JSON":   page(400, `{"code":50035,"message":"`+token+`","errors":{"content":{"_errors":[{"code":"XXXX","message":"`+id+`"}]}}}`),
		"a page that fails":        page(502, "<html>"+id+"/"+token),
		"token in the status line": broken(t, "HTTP/1.1 xxx "+token+"\r\n\r\n", hangUp, network),
		"no HTTP":                  broken(t, token, hangUp, network),
		"TLS of a plain server":    tls,
		"TLS stalls":               stall,
	}
}

// Every fault ends in time, with a typed error, and the message was sent at most
// once.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range faults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := webhook(t, fault.base, discord.Config{Client: impatient(t)})
			start := time.Now()
			_, err := w.Send(t.Context(), discord.Message{Content: "t"})
			assert.Less(t, time.Since(start), patience+2*time.Second, "the machine may be busy")
			assert.Contains(t, fault.kinds, typed(t, err).Kind)
			assert.LessOrEqual(t, fault.posts.Load(), int32(1))
		})
	}
}

// Of a message whose answer broke, the status says that it is saved.
func TestABrokenAnswerKeepsItsStatus(t *testing.T) {
	t.Parallel()
	f := broken(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12", hangUp)
	_, err := webhook(t, f.base, discord.Config{}).Send(t.Context(), discord.Message{Content: "t"})
	e := typed(t, err)
	assert.Equal(t, 200, e.Status)
	assert.Equal(t, connectors.KindNetwork, e.Kind)
	assert.False(t, e.Unsent)
}
