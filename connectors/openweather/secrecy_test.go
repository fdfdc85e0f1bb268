package openweather_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

// serve answers each connection on loopback with text and then does after.
func serve(t *testing.T, text string, after func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stop := make(chan struct{})
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
				_, _ = io.WriteString(c, text)
				if after != nil {
					after(c)
					return
				}
				<-stop
			}()
		}
	}()
	return "http://" + ln.Addr().String()
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

func trickle(c net.Conn) {
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

const limit = 300 * time.Millisecond

// Whatever goes wrong, and whoever looks at it, the key is not seen, and it ends
// in time.
func TestTheKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	target := serve(t, ok+"Content-Length: 2\r\n\r\n{}", func(net.Conn) { t.Error("the redirect was followed") })
	loop := func(status int, location string) string {
		return serve(t, fmt.Sprintf("HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status, location), hangUp)
	}
	echo := func(status int, body string) string {
		return serve(t, fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body), hangUp)
	}
	bases := map[string]string{
		"nobody listens":             "http://" + closed.Addr().String(),
		"silence":                    serve(t, "", nil),
		"slow header":                serve(t, ok+"X: "+token, nil),
		"slow body":                  serve(t, ok+"Content-Length: 10\r\n\r\n12", nil),
		"a byte now and then":        serve(t, ok+"Content-Length: 1000\r\n\r\n", trickle),
		"reset in the body":          serve(t, ok+"Content-Length: 10\r\n\r\n12", reset),
		"ends in the body":           serve(t, ok+"Content-Length: 10\r\n\r\n12", hangUp),
		"hangs up":                   serve(t, "", hangUp),
		"endless":                    serve(t, ok+"\r\n", endless),
		"gzip bomb":                  serve(t, gzipped(t, 8<<20), nil),
		"redirect to itself":         loop(307, "/data/2.5/weather?appid="+token),
		"redirect elsewhere":         loop(308, target+"/"+token),
		"redirect after a GET":       loop(302, target+"/"+token),
		"broken redirect":            loop(301, "http://%zz"+token),
		"echoes the key":             echo(401, `{"cod":"`+token+`","message":"Invalid API key `+token+`"}`),
		"echoes the key as a page":   echo(502, `<html>/data/2.5/weather?appid=`+token),
		"echoes the key in a list":   echo(200, `["`+token+`"]`),
		"echoes the key as a number": echo(200, `{"main":{"temp":"`+token+`"}}`),
		"key in the status line":     serve(t, "HTTP/1.1 xxx "+token+"\r\n\r\n", hangUp),
		"no HTTP":                    serve(t, token, hangUp),
		"TLS of a plain server":      strings.Replace(serve(t, token, hangUp), "http:", "https:", 1),
		"TLS stalls":                 strings.Replace(serve(t, "", nil), "http:", "https:", 1),
	}
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hc, err := connectors.NewClient(connectors.ClientConfig{Timeout: limit})
			require.NoError(t, err)
			t.Cleanup(func() { _ = hc.Close() })
			look(t, client(t, base, openweather.Config{Client: hc}))
			c := client(t, base, openweather.Config{Client: hc, Cache: time.Minute})
			_, err = c.Current(t.Context(), berlin())
			typed(t, err)
			assert.NotContains(t, printed(c, err), token)
		})
	}
	for name, err := range map[string]error{
		"an error of http.Client": &url.Error{Op: "Get", URL: "https://api.openweathermap.org/?appid=" + token, Err: errors.New(token)},
		"an error that talks":     fmt.Errorf("%w: %s", io.EOF, token),
		"a typed one":             fmt.Errorf("%s: %w", token, &connectors.Error{Kind: connectors.KindServer, Message: "failed"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look(t, stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) { return nil, err }))
		})
	}
	t.Run("canceled for a reason", func(t *testing.T) {
		t.Parallel()
		for _, keep := range []time.Duration{0, time.Minute} {
			c := client(t, bases["silence"], openweather.Config{Cache: keep})
			ctx, cancel := context.WithCancelCause(t.Context())
			var canceled time.Time
			time.AfterFunc(20*time.Millisecond, func() { canceled = time.Now(); cancel(errors.New(token)) })
			_, err := c.Current(ctx, berlin())
			assert.Less(t, time.Since(canceled), 100*time.Millisecond)
			assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
			assert.NotContains(t, printed(c, err), token)
		}
	})
}

// An answer that is a success may hold the key; what this package makes of it
// does not.
func TestTheKeyInASuccessIsNotShown(t *testing.T) {
	t.Parallel()
	body := `{"main":{"temp":1},"name":"` + token + `","weather":[{"description":"` + token + token + `"}]}`
	c := stub(t, openweather.Config{Cache: time.Minute}, func(*http.Request) (*http.Response, error) { return reply(200, body), nil })
	r, err := c.Execute(t.Context(), action(`{"city":"x"}`))
	require.NoError(t, err)
	assert.Equal(t, "1.0 °C, ****** in ***", r.Message)
	assert.NotContains(t, printed(c, io.EOF), token)
}

// look makes every call that fails, and looks at all that it leaves.
func look(t *testing.T, c *openweather.Client) {
	t.Helper()
	var out strings.Builder
	start := time.Now()
	_, err := c.Current(t.Context(), berlin())
	assert.Less(t, time.Since(start), 2*limit)
	typed(t, err)
	out.WriteString(printed(c, err))
	_, err = c.Geocode(t.Context(), berlin(), 1)
	typed(t, err)
	out.WriteString(printed(c, err))

	result, err := c.Execute(t.Context(), action(`{"city":"Berlin"}`))
	typed(t, err)
	out.WriteString(printed(c, err))
	plan, err := c.Plan(t.Context(), action(`{"city":"Berlin"}`))
	require.NoError(t, err)
	test := c.Test(t.Context())
	assert.False(t, test.Success)
	for _, v := range []any{result, test, plan} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		fmt.Fprintf(&out, "%s %+v %#v\n", b, v, v)
	}
	assert.NotContains(t, out.String(), token)
	assert.NotContains(t, strings.ReplaceAll(out.String(), "appid=***", ""), "appid")
}

// printed is everything that can be made of a client and an error.
func printed(c *openweather.Client, err error) string {
	var out bytes.Buffer
	for _, e := range []error{err, fmt.Errorf("one: %w", err), fmt.Errorf("two: %w", errors.Join(io.EOF, fmt.Errorf("one: %w", err)))} {
		holder := struct {
			Err    error
			inner  error
			Client *openweather.Client
			value  openweather.Client
		}{e, e, c, *c}
		for below := e; below != nil; below = errors.Unwrap(below) {
			fmt.Fprintf(&out, "%v %+v %#v %q %x\n", below, below, below, below, below)
		}
		fmt.Fprintf(&out, "%v %+v %#v\n%v %+v %#v\n%v %+v %#v\n", holder, holder, holder, c, c, c, *c, *c, *c)
		if b, err := json.Marshal(map[string]any{"err": e, "holder": holder, "client": c}); err == nil {
			out.Write(b)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).LogAttrs(context.Background(), slog.LevelError, "failed",
				slog.Any("error", e), slog.Any("holder", holder), slog.Any("client", c), slog.Any("copy", *c))
		}
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(fmt.Sprintf("%+v %+v", e, holder))
		}()
	}
	return out.String()
}
