// Package openweather asks OpenWeather for the current weather and for the
// coordinates of places. It starts no goroutine.
//
// A [Client] holds the API key as a [connectors.Secret]. OpenWeather takes the key
// as a parameter of the URL, where every error, log line and Referer of net/http
// would show it. Here it appears in no error, log line, plan or result, and no
// redirect is followed with it. What OpenWeather sends is handed on as it is: a
// [Weather] would hold the key if the answer did.
//
// # Calls
//
// A call is a GET, and the [connectors.Client] repeats it as it repeats what is
// harmless to repeat. After 429 and 503 this package does: at most three calls, and
// not more than [connectors.ClientConfig.Attempts], each in a turn of its own and
// after the pause that holds for all. All of it, the waits included, ends within
// [connectors.ClientConfig.Timeout]. An answer of more than 64 KiB is KindTooLarge.
//
// The free plan allows 60 calls a minute for a key, and so does [Config.Limiter]
// by default. A call whose turn would come too late for its deadline fails at
// once, as KindRateLimited with the code "paced". After a 429 the next calls wait
// as long as Retry-After asks, an hour at most; without it a second, and twice as
// long after each further one, up to a minute.
//
// # Answers
//
// The HTTP status decides, and after it cod, the status in the body, which
// OpenWeather writes as a number or as a string. Anything but an answer as it is
// documented is a [*connectors.Error]:
//
//	400  nothing to geocode, wrong latitude   KindInvalid
//	401  the key is wrong, or not active yet  KindAuth
//	404  city not found                       KindNotFound
//	429  more calls than the plan allows      KindRateLimited, Global
//	5xx  or a page                            KindServer
//
// A new key may take up to two hours to become active. So a 401 is not held
// against the key: the next call goes out too.
//
// The Code is cod, such as "404". A body that has none, or another one than the
// status, gives "http_" and the status, a redirect gives "redirect", and a status
// of success without what it promises "unexpected_answer". What cannot be asked
// is an error before anything is sent: "no_place", "ambiguous_place",
// "invalid_place", "invalid_coord", "invalid_units", "invalid_lang",
// "invalid_limit", and "invalid_config" for an action.
//
// # Cache
//
// OpenWeather computes the weather of a place anew every ten minutes. With
// [Config.Cache] an answer serves equal queries for that long, and equal queries
// at the same time share one call. Queries are equal when place, units and
// language are: upper and lower case are the same, as is white space around words
// and commas, and coordinates are compared as they are sent, to four decimals,
// which is 11 m. At most 1000 places are kept; the one that was asked for first
// makes room. That bounds places and not bytes: an answer is usually half a
// kilobyte, but one may have 64 KiB, which is 64 MiB in all. Each caller gets a copy
// of its own.
//
// A failure is not kept, a 404 neither, but who waits for the shared call gets it.
// A caller that leaves, or has less time than the others, ends only its own wait:
// when it was the one whose call the others share, one of them makes the call. [Client.Geocode] and [Client.Test] are
// not cached, since places do not move and a test that makes no call tests nothing.
//
// The pages that document all this are https://openweathermap.org/current and
// https://openweathermap.org/api/geocoding-api.
package openweather

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	// name is the Name of a Client and the Connector of its errors.
	name = "openweather"

	defaultBaseURL = "https://api.openweathermap.org"

	// maxAnswer is the largest answer in bytes.
	maxAnswer = 64 << 10
)

// Config configures a [Client]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// BaseURL is where the API is, without the path of its version: https, or
	// http to a loopback address. It gets the key, and is not one for customers to
	// choose. Default: https://api.openweathermap.org.
	BaseURL string
	// Client makes the calls. Default: one of this Client's own, with default
	// settings.
	Client *connectors.Client
	// Limiter paces the calls. Clients that use the same key should share one.
	// rate.NewLimiter(rate.Inf, 0) does not pace. Default: 10 calls at once and
	// then one each 1.2 s, which is 60 in any minute.
	Limiter *rate.Limiter
	// Cache is how long an answer of [Client.Current] serves equal queries.
	// 10 minutes is as long as OpenWeather keeps it. Default: 0, which asks for
	// each query, as a negative one does.
	Cache time.Duration
}

// Client asks OpenWeather. Create it with [New]. Its methods may be called
// concurrently.
type Client struct {
	key    connectors.Secret
	base   string // without a slash at the end
	host   string
	client *connectors.Client
	gate   *provider.Gate
	cache  *cache // nil: none
}

var _ connectors.Connector = (*Client)(nil)

// New returns a Client that uses the given API key. The error says what is wrong
// and does not contain the key.
func New(key connectors.Secret, cfg Config) (*Client, error) {
	if key.IsZero() {
		return nil, errors.New("openweather: the key is empty")
	}
	if strings.ContainsFunc(key.Reveal(), reserved) {
		return nil, errors.New("openweather: the key has a character that no key has; look for spaces, line ends and quotes")
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = defaultBaseURL
	}
	base, err := provider.ParseURL("openweather: the base URL", cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if base.RawQuery != "" || base.ForceQuery {
		return nil, errors.New("openweather: the base URL has a query")
	}
	if cfg.Client == nil {
		if cfg.Client, err = connectors.NewClient(connectors.ClientConfig{}); err != nil {
			return nil, err
		}
	}
	if cfg.Limiter == nil {
		// The ten that may come at once are part of the sixty in their minute.
		cfg.Limiter = rate.NewLimiter(rate.Every(1200*time.Millisecond), 10)
	}
	c := &Client{
		key: key, base: strings.TrimRight(base.String(), "/"), host: base.Host,
		client: cfg.Client, gate: provider.NewGate(cfg.Limiter),
	}
	if cfg.Cache > 0 {
		c.cache = newCache(cfg.Cache)
	}
	return c, nil
}

// reserved reports whether a URL would need an escape for r. A key without one
// reads the same wherever it is written, so that it can be recognised.
func reserved(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-._~", r)
}

// Name returns "openweather".
func (c *Client) Name() string { return name }

// fetch waits for the turn of a call and makes it, again after a refusal: a GET is
// harmless to repeat. The context must end.
func (c *Client) fetch(ctx context.Context, l lookup) ([]byte, error) {
	var body []byte
	e := provider.Repeat(ctx, c.client.Attempts(), func() (*connectors.Error, bool) {
		err := c.gate.Enter(ctx)
		if err != nil {
			return provider.Named(name, "", c.host, err), false
		}
		if body, err = c.get(ctx, l); err == nil {
			c.gate.Learn(nil, false)
			return nil, false
		}
		e := provider.Named(name, "", c.host, err)
		c.gate.Learn(e, false)
		return e, provider.Refuses(e.Status)
	})
	if e != nil {
		return nil, e
	}
	return body, nil
}

// get makes one call and returns the body of an answer that is a success.
func (c *Client) get(ctx context.Context, l lookup) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(l, c.key.Reveal()), http.NoBody)
	if err != nil {
		return nil, provider.Invalid("invalid_request", "the request cannot be made")
	}
	r.Header.Set("Accept", accept)
	resp, err := c.client.Call(r, connectors.CallOptions{Refusals: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil && provider.Refuses(resp.StatusCode):
		body = nil // status and header say enough
	case err != nil:
		return nil, err
	}
	if e := judge(resp.StatusCode, resp.Header, body); e != nil {
		return nil, e
	}
	return body, nil
}

const accept = "application/json"

// url returns the address of a lookup, with the key or with what stands for it.
func (c *Client) url(l lookup, key string) string {
	return c.base + l.path + "?" + l.params.Encode() + "&appid=" + key
}

// named returns err with what only the Client knows.
func (c *Client) named(op string, err error) error {
	return provider.Named(name, op, c.host, err)
}

// bound returns the context of a call with its limit. Everything that a call
// does is within it.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx == nil {
		return nil, nil, provider.Invalid("invalid_request", "there is no context")
	}
	ctx, cancel := context.WithTimeout(ctx, c.client.Timeout())
	return ctx, cancel, nil
}
