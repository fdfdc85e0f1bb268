package health_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// refusing is an address at which nobody listens: tcpmux is extinct. A port
// that was closed for the purpose might be taken by a test that runs beside.
const refusing = "127.0.0.1:1"

// tinyTimeout ends what never answers.
const tinyTimeout = time.Second

// server counts the connections that are open.
type server struct {
	net.Listener

	open atomic.Int64
	wg   sync.WaitGroup
}

// serve hands each connection to handle, whose return closes it.
func serve(t *testing.T, handle func(net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{Listener: l}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.open.Add(1)
			s.wg.Go(func() {
				defer s.open.Add(-1)
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *server) addr() string { return s.Addr().String() }

// silent reads until the client leaves, and never answers.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// hangUp closes the connection once the client has said something.
func hangUp(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }

// answers sends text after the first bytes of a client.
func answers(conn net.Conn, text string) {
	_, _ = conn.Read(make([]byte, 4096))
	_, _ = io.WriteString(conn, text)
}

// says answers and waits for the client to leave.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		answers(conn, text)
		silent(conn)
	}
}

// shakesHands is a TLS server that waits for its client to leave, also when
// that does not like the certificate.
func shakesHands(cert tls.Certificate) func(net.Conn) {
	return func(conn net.Conn) {
		silent(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
		silent(conn)
	}
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	ca   *authority // nil: signed by itself
}

func newAuthority(t *testing.T, ca *authority, until time.Time) *authority {
	t.Helper()
	a := &authority{t: t, ca: ca}
	a.key, a.cert = a.sign(ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) sign(by *authority, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-1000 * time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return key, cert
}

// issue returns a certificate for 127.0.0.1 and name.test with its chain below
// the root.
func (a *authority) issue(until time.Time) tls.Certificate {
	a.t.Helper()
	key, cert := a.sign(a, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test server"}, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"name.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	chain := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	for ca := a; ca.ca != nil; ca = ca.ca {
		chain.Certificate = append(chain.Certificate, ca.cert.Raw)
	}
	return chain
}

// trusted returns a configuration that trusts a and nobody else.
func (a *authority) trusted() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool}
}

// checkedAs runs c once in a Health and returns what that makes of it.
func checkedAs(t *testing.T, c health.Checker, timeout time.Duration) health.CheckResult {
	t.Helper()
	h := open(t, health.Config{Budget: -1}, health.Check{Name: "x", Checker: c, Timeout: timeout})
	return only(t, h.Evaluate(t.Context()))
}

// descendants counts the goroutines that descend from f. It sees no other test's.
func descendants(t *testing.T, f func(context.Context)) (count func() int) {
	t.Helper()
	pprof.Do(t.Context(), pprof.Labels("descendant_of", t.Name()), f)
	label := fmt.Sprintf("%q:%q", "descendant_of", t.Name())
	return func() (n int) {
		var buf bytes.Buffer
		if pprof.Lookup("goroutine").WriteTo(&buf, 1) != nil {
			return -1
		}
		for group := range strings.SplitSeq(buf.String(), "\n\n") {
			if !strings.Contains(group, label) {
				continue
			}
			for line := range strings.Lines(group) {
				var k int
				if _, err := fmt.Sscanf(line, "%d @", &k); err == nil {
					n += k
				}
			}
		}
		return n
	}
}

// assertNothingLeft runs c often and wants neither goroutines nor connections of
// it afterwards.
func assertNothingLeft(t *testing.T, c health.Checker, runs int, timeout time.Duration, s *server) {
	t.Helper()
	count := descendants(t, func(ctx context.Context) {
		for range runs {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			_ = c.Check(ctx)
			cancel()
		}
	})
	assert.Eventually(t, func() bool { return count() == 0 }, 5*time.Second, 5*time.Millisecond, "goroutines")
	if s != nil {
		assert.Eventually(t, func() bool { return s.open.Load() == 0 }, 5*time.Second, 5*time.Millisecond, "connections")
	}
}

// assertPromptWhenCancelled cancels a run that would last for ever.
func assertPromptWhenCancelled(t *testing.T, c health.Checker) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	done := make(chan error, 1)
	go func() { done <- c.Check(ctx) }()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(5 * time.Second):
		assert.Fail(t, "the check does not return when its context ends")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, c.Check(cancelled))
}

// assertConcurrent runs c from many goroutines, for the race detector.
func assertConcurrent(t *testing.T, c health.Checker) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				assert.NoError(t, c.Check(t.Context()))
			}
		})
	}
	wg.Wait()
}
