package connectorstest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/connectors"
)

const (
	discordWebhook = "223704706495545344"
	discordChannel = "199737254929760256"
	discordToken   = "fake-token-do-not-print-3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe2"
	// discordEpoch is the first second of 2015, from which snowflakes count.
	discordEpoch = 1420070400000
)

// Discord stands in for Discord, with one webhook. Create it with [NewDiscord]. It answers as the
// documentation of API version 10 says, and checks messages as Discord does: what
// it refuses, Discord refuses too. Its limit of the rate is shown in the headers of
// its answers and not enforced; see [Discord.RateLimit]. Its methods may be called
// concurrently.
type Discord struct {
	base string

	mu       sync.Mutex
	deleted  bool
	next     []discordAnswer
	requests []DiscordRequest
	messages []DiscordMessage
}

// DiscordRequest is a request that a [Discord] has received.
type DiscordRequest struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
}

// DiscordMessage is a message that a [Discord] has saved.
type DiscordMessage struct {
	ID         string
	ThreadID   string
	ThreadName string
	Content    string
	Username   string
	AvatarURL  string
	TTS        bool
	Flags      int
	// Embeds and AllowedMentions are as they were sent. Without
	// AllowedMentions, Discord would notify the users that Content mentions.
	Embeds          json.RawMessage
	AllowedMentions json.RawMessage
}

// NewDiscord returns a stand-in for Discord that ends with the test.
func NewDiscord(t testing.TB) *Discord {
	t.Helper()
	d := &Discord{}
	srv := httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(srv.Close)
	d.base = srv.URL
	return d
}

// WebhookURL returns the URL of the webhook, on loopback.
func (d *Discord) WebhookURL() connectors.Secret {
	return connectors.NewSecret(d.base + "/api/webhooks/" + discordWebhook + "/" + discordToken)
}

// Fail sets the answer to the next request that has none yet, whatever it asks. The
// header is a list of names and values, such as "Retry-After", "30". A connector
// may repeat a call that failed, and then gets what comes next.
func (d *Discord) Fail(status int, body string, header ...string) {
	a := discordAnswer{status: status, body: body, header: http.Header{}}
	a.header.Set("Content-Type", "text/html")
	if strings.HasPrefix(body, "{") {
		a.header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(header, 2) {
		a.header.Set(pair[0], pair[len(pair)-1])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = append(d.next, a)
}

// RateLimit has the next request refused with 429 and the wait until the limit
// ends, in all the places where Discord says it. A global limit holds for every
// webhook that is called from the same address.
func (d *Discord) RateLimit(wait time.Duration, global bool) {
	seconds := strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)
	header := []string{"Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)}
	if global {
		header = append(header, "X-RateLimit-Global", "true", "X-RateLimit-Scope", "global")
	} else {
		header = append(header, "X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", seconds, "X-RateLimit-Bucket", "abcd1234", "X-RateLimit-Scope", "user")
	}
	d.Fail(http.StatusTooManyRequests, fmt.Sprintf(`{"message": "You are being rate limited.", "retry_after": %s, "global": %t}`, seconds, global), header...)
}

// Delete removes the webhook: every request from now on is answered with 404 and
// the code 10015.
func (d *Discord) Delete() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deleted = true
}

// Requests returns what was received, in order.
func (d *Discord) Requests() []DiscordRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

// Messages returns what was saved, in order.
func (d *Discord) Messages() []DiscordMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages)
}

func (d *Discord) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller has gone
	}
	a := d.answer(DiscordRequest{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), body})
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (d *Discord) answer(r DiscordRequest) discordAnswer {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r)
	if len(d.next) > 0 {
		a := d.next[0]
		d.next = d.next[1:]
		return a
	}
	if a, ok := d.admit(r); !ok {
		return a
	}
	if r.Method == http.MethodGet {
		return discordJSON(http.StatusOK, fmt.Sprintf(
			`{"application_id": null, "avatar": null, "channel_id": %q, "guild_id": "199737254929760257", "id": %q, "name": "test webhook", "type": 1, "token": %q, "url": "https://discord.com/api/webhooks/%s/%s"}`,
			discordChannel, discordWebhook, discordToken, discordWebhook, discordToken))
	}
	return d.execute(r)
}

// admit looks at all of a request but its body.
func (d *Discord) admit(r DiscordRequest) (a discordAnswer, ok bool) {
	path, found := strings.CutPrefix(r.Path, "/api/")
	if version, rest, cut := strings.Cut(path, "/"); cut && strings.HasPrefix(version, "v") {
		path = rest
	}
	path, webhooks := strings.CutPrefix(path, "webhooks/")
	id, token, whole := strings.Cut(path, "/")
	switch {
	case !strings.HasPrefix(r.Header.Get("User-Agent"), "DiscordBot (http"):
		return discordPage(http.StatusForbidden, "error code: 1010"), false
	case !found || !webhooks || !whole:
		return discordError(http.StatusNotFound, 0, "404: Not Found"), false
	case d.deleted || id != discordWebhook:
		return discordError(http.StatusNotFound, 10015, "Unknown Webhook"), false
	case token != discordToken:
		return discordError(http.StatusUnauthorized, 50027, "Invalid Webhook Token"), false
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return discordError(http.StatusMethodNotAllowed, 0, "405: Method Not Allowed"), false
	}
	return discordAnswer{}, true
}

// execute saves a message, or says why not.
func (d *Discord) execute(r DiscordRequest) discordAnswer {
	form, refusal, ok := discordParse(r)
	if !ok {
		return refusal
	}
	now := time.Now().UTC()
	m := form.message(r.Query.Get("thread_id"))
	m.ID = strconv.FormatInt((now.UnixMilli()-discordEpoch)<<22|int64(len(d.messages)&0xfff), 10)
	d.messages = append(d.messages, m)
	var a discordAnswer
	if wait := r.Query.Get("wait"); wait == "true" || wait == "True" || wait == "1" {
		a = discordJSON(http.StatusOK, form.saved(m, now))
	} else {
		a = discordAnswer{status: http.StatusNoContent, header: http.Header{}}
	}
	for name, value := range map[string]string{
		"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "2",
		"X-RateLimit-Reset": strconv.FormatInt(now.Unix()+2, 10), "X-RateLimit-Bucket": "abcd1234",
	} {
		a.header.Set(name, value)
	}
	return a
}
