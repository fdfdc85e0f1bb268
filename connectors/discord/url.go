package discord

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// endpoint parses the URL of a webhook and makes of Discord's the one to call.
func endpoint(raw string, anyHost bool) (*url.URL, error) {
	u, err := provider.ParseHook("discord: the webhook URL", raw, anyHost, sites()...)
	if err != nil {
		return nil, err
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errors.New("discord: the webhook URL has a malformed query")
	}
	u.Host = strings.ToLower(u.Host)
	site, ok := discordSite(u.Hostname())
	if !ok {
		return u, nil
	}
	id, token, ok := credentials(u.Path)
	if !ok {
		return nil, errors.New("discord: the webhook URL must have the path /api/webhooks/{id}/{token} and nothing behind it")
	}
	if port := u.Port(); port != "" {
		site += ":" + port
	}
	u.Host, u.Path, u.RawPath = site, "/api/v10/webhooks/"+id+"/"+token, ""
	return u, nil
}

// discordSite reports whether a host is Discord's, and returns the one that serves
// its API.
func discordSite(host string) (site string, ok bool) {
	return strings.Replace(host, "discordapp", "discord", 1), slices.Contains(sites(), host)
}

// sites are the hosts of Discord.
func sites() []string {
	return []string{
		"discord.com", "ptb.discord.com", "canary.discord.com",
		"discordapp.com", "ptb.discordapp.com", "canary.discordapp.com",
	}
}

// credentials finds id and token in a path of Discord's.
func credentials(path string) (id, token string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		return "", "", false
	}
	if version, after, found := strings.Cut(rest, "/"); found && isVersion(version) {
		rest = after
	}
	rest, ok = strings.CutPrefix(rest, "webhooks/")
	id, token, found := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	return id, token, ok && found && isSnowflake(id) && isToken(token)
}

func isVersion(s string) bool {
	digits, ok := strings.CutPrefix(s, "v")
	return ok && digits != "" && len(digits) <= 2 && allDigits(digits)
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

// isSnowflake reports whether s can be an id of Discord's, an unsigned number of
// 64 bits.
func isSnowflake(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil && len(s) <= 20 && allDigits(s)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// execute returns the URL that posts a message. base was parsed before, so that
// no error is left.
func execute(base string, m Message) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	query := u.Query()
	maps.Copy(query, m.query())
	if m.ThreadName != "" {
		query.Del("thread_id") // of the webhook's URL: the message opens a thread of its own
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// query is what a message adds to the URL.
func (m Message) query() url.Values {
	query := url.Values{"wait": {"true"}}
	if m.ThreadID != "" {
		query.Set("thread_id", m.ThreadID)
	}
	return query
}
