package logging

import (
	"encoding/base64"
	"strings"
)

// token is a kind of secret that is told by its first characters.
type token struct {
	prefix string
	anchor int // the index in prefix of the byte that is looked for
	min    int // how many characters follow at least
	chars  string
	mixed  bool // upper case and a digit are among them
}

// Characters besides letters and digits.
const (
	word      = "_"
	dashed    = "_-"
	dotted    = "_-."
	base64ish = "+/=_-"
)

// builtInTokens are the tokens of providers, by their published prefixes.
func builtInTokens() []token {
	var all []token
	add := func(least int, chars string, prefixes ...string) {
		for _, p := range prefixes {
			all = append(all, token{prefix: p, anchor: len(p) - 1, min: least, chars: chars})
		}
	}
	// Slack, Discord's are told by their form.
	add(8, dashed+"%.", "xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-", "xapp-", "xwfp-")
	// Stripe, and the signing secrets of Stripe and Standard Webhooks.
	add(10, word, "sk_live_", "sk_test_", "rk_live_", "rk_test_")
	add(10, base64ish, "whsec_", "whsk_")
	add(20, word, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
	add(16, dotted, "glpat-", "GOCSPX-")
	add(20, "", "shpat_", "shpca_", "shppa_", "shpss_", "npm_", "hf_", "dop_v1_")
	add(20, dotted, "SG.", "ya29.", "hvs.", "hvb.")
	return append(all,
		token{prefix: "AKIA", anchor: 1, min: 16},
		token{prefix: "ASIA", anchor: 1, min: 16},
		token{prefix: "AIza", anchor: 2, min: 30, chars: dashed},
		token{prefix: "sk-", anchor: 2, min: 20, chars: dashed, mixed: true}, // OpenAI, Anthropic
	)
}

// scanner finds secrets in texts.
type scanner struct {
	keys     *keys
	triggers [256]bool            // bytes that a secret is told by
	pairs    [1 << 16 / 64]uint64 // the anchors of tokens, each with the byte before it
	tokens   map[uint][]token     // by these
}

func newScanner(k *keys) *scanner {
	s := &scanner{keys: k, tokens: map[uint][]token{}}
	for _, c := range []byte("=:/@ J.") {
		s.triggers[c] = true
	}
	for _, t := range builtInTokens() {
		s.triggers[t.prefix[t.anchor]] = true
		pair := pairAt(t.prefix, t.anchor)
		s.tokens[pair] = append(s.tokens[pair], t)
		s.pairs[pair/64] |= 1 << (pair % 64)
	}
	return s
}

// next finds the first part of s from done on that is to be masked. There is
// none when start and end are equal.
func (s *scanner) next(text string, done int) (start, end int) {
	for i := done; i < len(text); i++ {
		c := text[i]
		if !s.triggers[c] {
			continue
		}
		switch c {
		case '=', ':':
			start, end = s.pair(text, done, i)
		case '/':
			start, end = inURL(text, i)
		case '@':
			start, end = mysqlPassword(text, done, i)
		case ' ':
			start, end = announced(text, i)
		case 'J':
			start, end = jwt(text, i)
		case '.':
			if start, end = discordBot(text, i); start == end {
				start, end = s.token(text, i)
			}
		default:
			start, end = s.token(text, i)
		}
		if start < end && start >= done {
			return start, end
		}
	}
	return 0, 0
}

func (s *scanner) token(text string, i int) (start, end int) {
	if i == 0 {
		return 0, 0
	}
	pair := pairAt(text, i)
	if s.pairs[pair/64]&(1<<(pair%64)) == 0 {
		return 0, 0
	}
	for _, t := range s.tokens[pair] {
		from := i - t.anchor
		if from < 0 || !strings.HasPrefix(text[from:], t.prefix) || !begins(text, from, "") {
			continue
		}
		start = from + len(t.prefix)
		if t.mixed && (!begins(text, from, t.chars) || !mixed(text[start:])) {
			continue
		}
		if n := run(text[start:], t.chars); n >= t.min {
			return start, start + n
		}
	}
	return 0, 0
}

// begins reports whether a word of letters, digits and more can begin at text[i]:
// nothing of that stands before it, unless it is the end of an escape sequence.
func begins(text string, i int, more string) bool {
	if i == 0 {
		return true
	}
	if c := text[i-1]; !alphanumeric(c) && strings.IndexByte(more, c) < 0 {
		return true
	}
	switch {
	case i >= 2 && text[i-2] == '\\' && strings.IndexByte("bfnrtv", text[i-1]) >= 0:
		return true
	case i >= 3 && text[i-3] == '%' && hexadecimal(text[i-2:i]):
		return true
	case i >= 4 && text[i-4:i-2] == `\x` && hexadecimal(text[i-2:i]):
		return true
	default:
		return i >= 6 && text[i-6:i-4] == `\u` && hexadecimal(text[i-4:i])
	}
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !digit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func pairAt(s string, i int) uint { return uint(s[i-1])<<8 | uint(s[i]) }

// run is the length of what s begins with of letters, digits and more. Points
// and dashes at its end belong to the sentence around it.
func run(s, more string) int {
	n := 0
	for n < len(s) && (alphanumeric(s[n]) || strings.IndexByte(more, s[n]) >= 0) {
		n++
	}
	for n > 0 && (s[n-1] == '.' || s[n-1] == '-') {
		n--
	}
	return n
}

func mixed(s string) bool {
	var big, number bool
	for i := 0; i < len(s) && i < 64 && (alphanumeric(s[i]) || s[i] == '-' || s[i] == '_'); i++ {
		big, number = big || upper(s[i]), number || digit(s[i])
	}
	return big && number
}

// jwt finds what follows the eyJ of a JSON Web Token whose J is text[i]: three
// parts or more, the first being an object in base64.
func jwt(text string, i int) (start, end int) {
	if i < 2 || text[i-2] != 'e' || text[i-1] != 'y' || !begins(text, i-2, dotted) {
		return 0, 0
	}
	n := run(text[i+1:], dotted)
	if token := text[i+1 : i+1+n]; n < 16 || strings.Count(token, ".") < 2 {
		return 0, 0
	}
	return i + 1, i + 1 + n
}

// discordBot finds the token of a bot, whose first point is text[i]: an id in
// base64, a time of 6 or 7 characters, a signature.
func discordBot(text string, i int) (start, end int) {
	second := i + 7
	if second+1 < len(text) && text[second] != '.' {
		second++
	}
	if second >= len(text) || text[second] != '.' || i < 23 || run(text[i+1:second], dashed) != second-i-1 {
		return 0, 0
	}
	start = i
	for start > 0 && i-start <= 28 && (alphanumeric(text[start-1]) || text[start-1] == '_' || text[start-1] == '-') {
		start--
	}
	n := 0
	for rest := text[second+1:]; n < len(rest) && n <= 40 && (alphanumeric(rest[n]) || rest[n] == '_' || rest[n] == '-'); n++ {
	}
	if i-start < 23 || i-start > 28 || n < 27 || n > 40 {
		return 0, 0
	}
	return start, second + 1 + n
}

// telegramBot finds the token after the colon text[i]: the id of the bot before
// it, 35 characters after it.
func telegramBot(text string, i int) (start, end int) {
	if i < 8 || !digit(text[i-1]) || !digit(text[i-8]) || len(text)-i <= 35 {
		return 0, 0
	}
	if run(text[i+1:min(len(text), i+37)], dashed) != 35 {
		return 0, 0
	}
	return i + 1, i + 36
}

// announced finds what the word before the space text[i] announces: credentials
// after Bearer and Basic, or a private key.
func announced(text string, i int) (start, end int) {
	if i < len("Basic") {
		return 0, 0
	}
	switch text[i-1] {
	case 'N':
		return privateKey(text, i+1)
	case 'r', 'R':
		if !endsWord(text[:i], "Bearer") {
			return 0, 0
		}
		start = i + 1 + spaces(text[i+1:])
		n := run(text[start:], "_-.~+/=")
		if !credential(text[start:start+n]) || challenge(text[start:], n) {
			return 0, 0
		}
		return start, start + n
	case 'c', 'C':
		if !endsWord(text[:i], "Basic") {
			return 0, 0
		}
		start = i + 1 + spaces(text[i+1:])
		n := run(text[start:], "_-+/=")
		if !userAndPassword(text[start : start+n]) {
			return 0, 0
		}
		return start, start + n
	}
	return 0, 0
}

// challenge reports whether the first n bytes of s are the name of a parameter,
// as in WWW-Authenticate: Bearer realm="x".
func challenge(s string, n int) bool {
	return n+1 < len(s) && s[n-1] == '=' && quote(s[n]) && alphanumeric(s[n+1])
}

func endsWord(s, name string) bool {
	n := len(s) - len(name)
	return n >= 0 && strings.EqualFold(s[n:], name) && (n == 0 || !alphanumeric(s[n-1]))
}

func spaces(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// credential tells a random text from a word: it has a digit, or a capital
// letter behind a small one, or is long.
func credential(s string) bool {
	if len(s) < 6 {
		return false
	}
	if len(s) >= 20 {
		return true
	}
	for i := range len(s) {
		if digit(s[i]) || i > 0 && upper(s[i]) && alphanumeric(s[i-1]) && !upper(s[i-1]) {
			return true
		}
	}
	return false
}

// userAndPassword reports whether s is base64 of a text with a colon.
func userAndPassword(s string) bool {
	var buf [48]byte
	s = strings.TrimRight(s, "=")
	if len(s) < 2 || len(s)%4 == 1 {
		return false
	}
	colon := false
	for len(s) > 0 && !colon {
		part := s[:min(len(s), 64)]
		s = s[len(part):]
		n, err := base64.RawStdEncoding.Decode(buf[:], []byte(part))
		if err != nil {
			if n, err = base64.RawURLEncoding.Decode(buf[:], []byte(part)); err != nil {
				return false
			}
		}
		colon = strings.IndexByte(string(buf[:n]), ':') >= 0
	}
	return colon
}

// privateKey finds what is between the lines of a PEM block whose label begins
// at text[i].
func privateKey(text string, i int) (start, end int) {
	const begin, dashes = "-----BEGIN ", "-----"
	if !strings.HasSuffix(text[:i], begin) {
		return 0, 0
	}
	label, _, ok := strings.Cut(text[i:min(len(text), i+64)], dashes)
	if !ok || !strings.Contains(label, "PRIVATE KEY") {
		return 0, 0
	}
	start = i + len(label) + len(dashes)
	if n := strings.Index(text[start:], "-----END"); n >= 0 {
		return start, start + n
	}
	return start, len(text)
}
