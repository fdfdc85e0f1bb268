package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

const (
	maxHTTPBody   = 64 << 10
	maxHTTPHeader = 64 << 10
	httpUserAgent = "Bracework-Health (https://github.com/bracework/bracework)"
)

// HTTPConfig holds the settings of [HTTP]. The zero value is the default of
// each field.
type HTTPConfig struct {
	// Method is GET, the default, or HEAD.
	Method string
	// Header is sent with each request. Host in it sets the host that is asked
	// for; User-Agent replaces the one that names this package. It is copied.
	Header http.Header
	// MinStatus and MaxStatus bound the status codes that pass, from 200 to 599;
	// 200 and 299 by default.
	MinStatus, MaxStatus int
	// TLS brings roots, a client certificate or a ServerName other than the host
	// of the URL. It is copied. nil: the default of [crypto/tls].
	TLS *tls.Config
	// Transport makes the requests. nil: each run dials a connection of its own,
	// without a proxy, whatever the environment says, speaks HTTP/1.1 over it and
	// closes it. A transport given here is the way to a proxy, HTTP/2, a unix
	// socket, or the connections that the application uses; its connections are
	// its owner's. It excludes TLS.
	Transport http.RoundTripper
}

// HTTP checks that a request of rawURL is answered with an expected status. A
// redirect is not followed: its status counts, so that by default a login page
// does not pass for a service that works. At most 64 KiB of the body are read;
// so much, or all of it, must arrive within the check's timeout.
//
// The reason of a failure is refused, dns, timeout, tls, status or other. The
// user and password of rawURL are sent as basic authentication. Of rawURL,
// errors name the scheme and host only, and nothing of the header fields and the
// answer but the status code. They keep errors of [net], [crypto/tls] and
// [context] for [errors.Is]; the text of any other is replaced.
//
// Where the other side has health endpoints, ask its liveness: a readiness that
// asks for a readiness makes outages travel in circles.
func HTTP(rawURL string, cfg HTTPConfig) Checker {
	if cfg.Method == "" {
		cfg.Method = http.MethodGet
	}
	if cfg.MinStatus == 0 {
		cfg.MinStatus = http.StatusOK
	}
	if cfg.MaxStatus == 0 {
		cfg.MaxStatus = 299
	}
	cfg.Header = cfg.Header.Clone()
	cfg.TLS = cfg.TLS.Clone()
	c := &httpCheck{cfg: cfg}
	c.target, c.invalid = parseTarget(rawURL)
	if c.invalid == nil {
		c.header, c.host = requestHeader(cfg.Header, c.target)
	}
	return c
}

type httpCheck struct {
	cfg     HTTPConfig
	target  *url.URL // without user and password, which are in header
	invalid error    // what is wrong with the URL
	header  http.Header
	host    string // "": that of target
}

// parseTarget has errors of its own, since those of [url.Parse] repeat the URL
// with its password.
func parseTarget(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, errors.New("malformed URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the URL does not begin with http:// or https://")
	}
	if err := validHost(u.Hostname()); err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	if u.Port() != "" {
		if err := validPort(u.Port()); err != nil {
			return nil, fmt.Errorf("URL: %w", err)
		}
	}
	return u, nil
}

// requestHeader moves the user and password of target into the header fields.
func requestHeader(given http.Header, target *url.URL) (header http.Header, host string) {
	req := http.Request{Header: http.Header{"User-Agent": {httpUserAgent}}}
	if user := target.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
		target.User = nil
	}
	for name, values := range given {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	host = req.Header.Get("Host")
	req.Header.Del("Host")
	return req.Header, host
}

func (*httpCheck) remote() bool { return true }

func (c *httpCheck) validate() error {
	switch {
	case c.invalid != nil:
		return c.invalid
	case c.cfg.Method != http.MethodGet && c.cfg.Method != http.MethodHead:
		return fmt.Errorf("method %q: want GET or HEAD", c.cfg.Method)
	case c.cfg.MinStatus < 200 || c.cfg.MaxStatus > 599 || c.cfg.MinStatus > c.cfg.MaxStatus:
		return fmt.Errorf("status %d to %d: want a range within 200 to 599", c.cfg.MinStatus, c.cfg.MaxStatus)
	case c.cfg.TLS != nil && c.cfg.Transport != nil:
		return errors.New("TLS and Transport exclude each other")
	}
	return validHeader(c.cfg.Header)
}

// validHeader checks what [net/http] would refuse (RFC 9110 sections 5.1 and
// 5.5). Its errors name no value: it may be a credential.
func validHeader(header http.Header) error {
	bad := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	for name, values := range header {
		if name == "" || strings.ContainsFunc(name, notToken) {
			return fmt.Errorf("header field %q: malformed name", name)
		}
		for _, v := range values {
			if strings.ContainsFunc(v, bad) {
				return fmt.Errorf("header field %q: control character in its value", name)
			}
		}
	}
	return nil
}

func notToken(r rune) bool {
	alphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func (c *httpCheck) Check(ctx context.Context) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	transport := c.cfg.Transport
	if transport == nil {
		transport = singleUse(ctx, c.cfg.TLS)
	}
	// An [http.Client] would follow redirects, or stumble over a bad Location.
	resp, err := transport.RoundTrip(c.request(ctx))
	if err != nil {
		return c.fail(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < c.cfg.MinStatus || resp.StatusCode > c.cfg.MaxStatus {
		return Reason(reasonStatus, c.fail(statusError(resp.StatusCode)))
	}
	if _, err := io.CopyN(io.Discard, resp.Body, maxHTTPBody); err != nil && !errors.Is(err, io.EOF) {
		return c.fail(err)
	}
	return nil
}

// request makes a request of its own for each run: a transport may keep it.
func (c *httpCheck) request(ctx context.Context) *http.Request {
	req := &http.Request{Method: c.cfg.Method, URL: c.target, Header: c.header, Host: c.host}
	return req.Clone(ctx)
}

// singleUse returns a transport for one request. A shared one would finish a
// dial, and wait for a handshake for ever, after ctx has ended: a goroutine and
// a socket for each run against a silent server.
func singleUse(ctx context.Context, cfg *tls.Config) *http.Transport {
	return &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHTTPHeader,
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			return dialTCP(ctx, addr)
		},
		DialTLSContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			cfg := cfg.Clone()
			if cfg != nil {
				cfg.NextProtos = []string{"http/1.1"}
			}
			return dialTLS(ctx, addr, cfg)
		},
	}
}

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// fail says what was asked without the parts of the URL that may be secret.
func (c *httpCheck) fail(err error) error {
	return fmt.Errorf("health: %s %s://%s: %w", c.cfg.Method, c.target.Scheme, c.target.Host, presentable(err))
}

// presentable picks from the chain of err what tells neither the URL, as that
// of a [url.Error] does, nor what the server sent, which may repeat it.
func presentable(err error) error {
	if e, ok := errors.AsType[*reasonError](err); ok {
		return e
	}
	if e, ok := errors.AsType[statusError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return Reason(reasonTLS, http.ErrSchemeMismatch)
	}
	for _, known := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return os.ErrDeadlineExceeded
	}
	return errors.New("no valid HTTP answer")
}
