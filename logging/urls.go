package logging

import "strings"

// inURL finds the secret of a URL that the slash s[i] announces.
func inURL(s string, i int) (start, end int) {
	rest := s[i:]
	switch {
	case strings.HasPrefix(rest, "//"):
		if i > 0 && s[i-1] == ':' {
			return userinfo(s, i+len("//"))
		}
	case strings.HasPrefix(rest, "/webhooks/"):
		n := i + len("/webhooks/")
		for n < len(s) && digit(s[n]) {
			n++
		}
		if n > i+len("/webhooks/") && n < len(s) && s[n] == '/' {
			return n + 1, n + 1 + segmentEnd(s[n+1:])
		}
	case hasSuffixFold(s[:i], "hooks.slack.com"), hasSuffixFold(s[:i], "hooks.slack-gov.com"):
		for _, path := range [...]string{"/services/", "/workflows/", "/triggers/"} {
			if strings.HasPrefix(rest, path) {
				start = i + len(path)
				return start, start + wordEnd(s[start:])
			}
		}
	}
	return 0, 0
}

// maxAuthority bounds how far user information is looked for.
const maxAuthority = 1 << 10

// userinfo finds the password, or all of the user information when it has none,
// of the URL whose authority begins at s[start].
func userinfo(s string, start int) (from, to int) {
	rest := s[start:min(len(s), start+maxAuthority)]
	if strings.IndexByte(rest, '@') < 0 {
		return 0, 0
	}
	rest = rest[:urlEnd(rest)]
	authority := rest
	if n := strings.IndexAny(rest, "/?#"); n >= 0 {
		authority = rest[:n]
	}
	at := strings.LastIndexByte(authority, '@')
	colon := strings.IndexByte(authority, ':')
	if at < 0 && colon >= 0 && authority[0] != '[' && !port(authority[colon+1:]) {
		// A password with a slash, a question mark or a hash sign that nobody
		// escaped: net/url refuses it, and prints it in its error.
		at = strings.LastIndexByte(rest, '@')
	}
	switch {
	case at <= 0:
		return 0, 0
	case colon >= 0 && colon < at:
		return start + colon + 1, start + at
	}
	return start, start + at
}

// mysqlPassword finds the password before the at sign s[i], as in
// user:password@tcp(host:3306)/name.
func mysqlPassword(s string, done, i int) (start, end int) {
	if rest := s[i+1:]; !strings.HasPrefix(rest, "tcp(") && !strings.HasPrefix(rest, "unix(") {
		return 0, 0
	}
	from := i
	for from > done && i-from < maxAuthority && s[from-1] > ' ' && !quote(s[from-1]) {
		from--
	}
	colon := strings.IndexByte(s[from:i], ':')
	if colon < 0 {
		return 0, 0
	}
	return from + colon + 1, i
}

func port(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}

// urlEnd is where a URL ends that s continues; another one is not part of it.
func urlEnd(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c == '<', c == '>', c == '"', c == '`', c == ':' && strings.HasPrefix(s[i:], "://"):
			return i
		}
	}
	return len(s)
}

func segmentEnd(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c == '/', c == '?', c == '#', c == '\\', quote(c):
			return unclosed(s[:i])
		}
	}
	return unclosed(s)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
