package slack

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	defaultBaseURL = "https://slack.com/api"
	botContentType = "application/json; charset=utf-8" // without the charset, Slack warns
	maxChannel     = 255                               // bytes
)

// Bot posts as a bot, with its token, which needs the scope chat:write. Create it
// with [NewBot]. Its methods may be called concurrently.
type Bot struct {
	token    connectors.Secret
	base     string
	host     string
	client   *connectors.Client
	gate     *provider.Gate // of the token; it does not pace
	channels *channels
}

var _ connectors.Connector = (*Bot)(nil)

// NewBot returns the bot with the given token, such as "xoxb-...". The error says
// what is wrong with the token or with cfg, and does not contain the token.
func NewBot(token connectors.Secret, cfg Config) (*Bot, error) {
	if err := checkToken(token.Reveal()); err != nil {
		return nil, err
	}
	base := cfg.BaseURL
	if base == "" {
		base = defaultBaseURL
	}
	u, err := provider.ParseURL("slack: Config.BaseURL", base)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery {
		return nil, errors.New("slack: Config.BaseURL must have no query")
	}
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	return &Bot{
		token: token, base: strings.TrimSuffix(u.String(), "/"), host: u.Host,
		client: client, gate: provider.NewGate(nil), channels: newChannels(cfg.gate),
	}, nil
}

// checkToken refuses what cannot stand in a header, such as a line end that was
// copied along.
func checkToken(token string) error {
	if token == "" {
		return errors.New("slack: the token is empty")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return errors.New("slack: the token is malformed; look for spaces and line ends")
		}
	}
	return nil
}

// Name returns "slack".
func (b *Bot) Name() string { return name }

// Post posts a message when its turn in the channel comes, and returns its ts,
// which with the channel identifies it. The channel is an ID, or a name with or
// without #; each spelling is paced on its own, so an ID is better. The error is a
// [*connectors.Error].
func (b *Bot) Post(ctx context.Context, channel string, m Message) (ts string, err error) {
	if ts, err = b.send(ctx, channel, m); err != nil {
		return "", b.named("post", err)
	}
	return ts, nil
}

func (b *Bot) send(ctx context.Context, channel string, m Message) (string, error) {
	if err := checkContext(ctx); err != nil {
		return "", err
	}
	if err := checkChannel(channel); err != nil {
		return "", err
	}
	if err := m.check(false); err != nil {
		return "", err
	}
	body, err := m.encode(channel)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, b.client.Timeout())
	defer cancel()
	ch := b.channels.acquire(channel)
	defer b.channels.release(ch)
	var ts string
	e := provider.Repeat(ctx, b.client.Attempts(), func() (e *connectors.Error, again bool) {
		// Past the token's gate a second time, since it may have been found dead
		// while this call waited for its turn in the channel.
		for _, gate := range []*provider.Gate{b.gate, ch.gate, b.gate} {
			if err := gate.Enter(ctx); err != nil {
				return b.named("", err), false
			}
		}
		ts, e, again = b.call(ctx, "chat.postMessage", body)
		ch.gate.Learn(e, false)
		if e != nil && deadToken(e.Code) {
			b.gate.Learn(e, true)
		}
		return e, again
	})
	if e != nil {
		return "", e
	}
	return ts, nil
}

// Reset lets messages pass again after Slack said that the token is dead, or asked
// to wait.
func (b *Bot) Reset() {
	b.gate.Reset()
	b.channels.reset()
}

// call calls a method of the Web API. The error is nil after success; again says
// that Slack asked to come again.
func (b *Bot) call(ctx context.Context, method string, body []byte) (ts string, e *connectors.Error, again bool) {
	r, err := request(ctx, b.base+"/"+method, botContentType, body)
	if err != nil {
		return "", b.named("", err), false
	}
	r.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	a, err := post(b.client, r, maxBotAnswer)
	if err != nil {
		return "", b.named("", err), false
	}
	ts, e = b.judge(method, a)
	return ts, e, provider.Asked(e, a.header)
}

func checkChannel(channel string) error {
	if strings.TrimSpace(channel) == "" || len(channel) > maxChannel || !utf8.ValidString(channel) {
		return provider.Invalid("channel_not_found", "channel is neither the ID nor the name of a channel")
	}
	return nil
}

// named returns err with what only the bot knows.
func (b *Bot) named(op string, err error) *connectors.Error {
	return provider.Named(name, op, b.host, err)
}
