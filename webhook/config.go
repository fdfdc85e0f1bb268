package webhook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"
)

// Config configures a [Verifier]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// MaxBody is the largest body that a Handler reads, in bytes; a larger one is
	// answered with 413. Default: 1 MiB; negative: no limit.
	MaxBody int64
	// Tolerance is how far the time of a delivery may lie behind or ahead, for
	// schemes that sign one. Default: 5 min; negative: any time is taken.
	Tolerance time.Duration
	// URL is the address that the sender calls, for [Twilio] and a [Custom] scheme
	// with {url}. It stands for scheme, host and path of each request; the query is
	// the request's. Set it wherever a proxy ends TLS or changes host or path:
	// X-Forwarded headers are never read. Default: the request's own.
	URL string
	// AllowWeakKeys admits secrets of other lengths than the scheme asks for, for
	// senders that give no better ones. An empty one is refused all the same.
	AllowWeakKeys bool
	// Observer, when set, is called once for each request of a Handler, when it is
	// decided and before the next handler runs. A panic in it is contained.
	Observer func(context.Context, Event)
	// Logger, when set, has one line of level Warn for each request that a Handler
	// refuses: the scheme and the reason, and nothing that the client has sent.
	Logger *slog.Logger
}

const (
	defaultMaxBody   = 1 << 20
	defaultTolerance = 5 * time.Minute
	noLimit          = 1<<62 - 1
)

func (c Config) withDefaults() (Config, error) {
	c.MaxBody = cmp.Or(c.MaxBody, defaultMaxBody)
	if c.MaxBody < 0 {
		c.MaxBody = noLimit
	}
	c.Tolerance = cmp.Or(c.Tolerance, defaultTolerance)
	if c.URL == "" {
		return c, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return c, errors.New("webhook: Config.URL is not an http or https address without query and fragment")
	}
	return c, nil
}
