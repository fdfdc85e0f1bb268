package connectorstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
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

// Discord stands in for Discord, with one webhook. Create it with [NewDiscord]. It
// answers as the documentation of API version 10 says, and checks the parts of a
// message, their lengths and its mentions: what it refuses, Discord refuses too.
// Discord refuses more, such as icons and times that are none. Its limit of the
// rate is shown in the headers of its answers and not enforced; see
// [Discord.RateLimit]. For other answers use Fail:
//
//	d.Fail(403, `{"message":"Missing Permissions","code":50013}`)
type Discord struct {
	*server

	deleted  bool             // under server.mu
	messages []DiscordMessage // likewise
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
	d.server = newServer(t, d.answers)
	return d
}

// WebhookURL returns the URL of the webhook, on loopback.
func (d *Discord) WebhookURL() connectors.Secret {
	return connectors.NewSecret(d.base + "/api/webhooks/" + discordWebhook + "/" + discordToken)
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

// Messages returns what was saved, in order.
func (d *Discord) Messages() []DiscordMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.messages)
}

func (d *Discord) answers(r Request) response {
	if a, ok := d.admit(r); !ok {
		return a
	}
	if r.Method == http.MethodGet {
		return jsonResponse(http.StatusOK, fmt.Sprintf(
			`{"application_id": null, "avatar": null, "channel_id": %q, "guild_id": "199737254929760257", "id": %q, "name": "test webhook", "type": 1, "token": %q, "url": "https://discord.com/api/webhooks/%s/%s"}`,
			discordChannel, discordWebhook, discordToken, discordWebhook, discordToken))
	}
	return d.execute(r)
}

// admit looks at all of a request but its body.
func (d *Discord) admit(r Request) (a response, ok bool) {
	path, found := strings.CutPrefix(r.Path, "/api/")
	if version, rest, cut := strings.Cut(path, "/"); cut && strings.HasPrefix(version, "v") {
		path = rest
	}
	path, webhooks := strings.CutPrefix(path, "webhooks/")
	id, token, whole := strings.Cut(path, "/")
	switch {
	case !strings.HasPrefix(r.Header.Get("User-Agent"), "DiscordBot (http"):
		return response{status: http.StatusForbidden, body: "error code: 1010"}, false
	case !found || !webhooks || !whole:
		return discordError(http.StatusNotFound, 0, "404: Not Found"), false
	case d.deleted || id != discordWebhook:
		return discordError(http.StatusNotFound, 10015, "Unknown Webhook"), false
	case token != discordToken:
		return discordError(http.StatusUnauthorized, 50027, "Invalid Webhook Token"), false
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return discordError(http.StatusMethodNotAllowed, 0, "405: Method Not Allowed"), false
	}
	return response{}, true
}

// execute saves a message, or says why not.
func (d *Discord) execute(r Request) response {
	form, refusal, ok := discordParse(r)
	if !ok {
		return refusal
	}
	now := time.Now().UTC()
	m := form.message(r.Query.Get("thread_id"))
	m.ID = strconv.FormatInt((now.UnixMilli()-discordEpoch)<<22|int64(len(d.messages)&0xfff), 10)
	d.messages = append(d.messages, m)
	var a response
	if wait := r.Query.Get("wait"); wait == "true" || wait == "True" || wait == "1" {
		a = jsonResponse(http.StatusOK, form.saved(m, now))
	} else {
		a = response{status: http.StatusNoContent, header: http.Header{}}
	}
	for name, value := range map[string]string{
		"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "2",
		"X-RateLimit-Reset": strconv.FormatInt(now.Unix()+2, 10), "X-RateLimit-Bucket": "abcd1234",
	} {
		a.header.Set(name, value)
	}
	return a
}
