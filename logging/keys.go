package logging

import (
	"unicode"
	"unicode/utf8"
)

// builtInKeys are the names that are always masked, with their plurals; they are
// listed in the package comment.
func builtInKeys() []string {
	return []string{
		"access_key", "access_token", "api_key", "api_token", "appid", "app_key", "auth", "auth_token", "authorization", "bearer",
		"bearer_token", "card_number", "client_secret", "connection_string", "cookie", "credential", "csrf_token", "cvc", "cvv",
		"db_pass", "db_password", "dsn", "encryption_key", "hmac", "hmac_sha256", "id_token", "idempotency_key", "jwt", "master_key", "otp",
		"passphrase", "passwd", "password", "private_key", "proxy_authorization", "pwd", "refresh_token", "secret", "secret_key",
		"session", "session_id", "session_token", "set_cookie", "sig", "signature", "signature_256", "signature_ed25519",
		"signing_key", "signing_secret", "smtp_pass", "ssn", "token", "user_pass", "webhook_secret", "webhook_url",
	}
}

// verdict is what becomes of the value under a key.
type verdict uint8

const (
	shown   verdict = iota
	counted         // a number says how many there are; anything else is hidden
	hidden
)

// keys is the set of names whose values are masked. A name is folded: lower
// case, separators removed. A key matches when a folded name is a suffix of the
// folded key that begins where a word of the key begins; the longest such name
// counts.
type keys struct {
	names             map[string]verdict
	shortest, longest int
	// endings has a bit for the last three characters of every name, so that
	// most keys are judged by three of theirs.
	endings [4096 / 64]uint64
}

const shortName = 3

func newKeys(more, except []string) *keys {
	k := &keys{names: map[string]verdict{}, shortest: shortName}
	for _, name := range builtInKeys() {
		k.add(name, hidden)
		k.add(name+"s", counted)
	}
	for _, name := range more {
		k.add(name, hidden)
	}
	for _, name := range except {
		k.add(name, shown)
	}
	return k
}

// idKeys are the keys of ids.
func idKeys() *keys {
	k := &keys{names: map[string]verdict{}, shortest: shortName}
	k.add("id", hidden)
	k.add("ids", hidden)
	return k
}

func (k *keys) add(name string, v verdict) {
	folded, _ := foldUnicode(name)
	if folded == "" {
		return
	}
	k.names[folded] = v
	k.shortest, k.longest = min(k.shortest, len(folded)), max(k.longest, len(folded))
	if len(folded) < shortName {
		for i := range k.endings {
			k.endings[i] = ^uint64(0)
		}
		return
	}
	bit := ending(folded[len(folded)-shortName:])
	k.endings[bit/64] |= 1 << (bit % 64)
}

func ending[T string | []byte](s T) uint {
	return (uint(s[0])*961 + uint(s[1])*31 + uint(s[2])) % 4096
}

// verdict says what becomes of the value under key.
func (k *keys) verdict(key string) (v verdict) {
	var buf [64]byte
	if k.longest > len(buf) {
		return k.verdictUnicode(key)
	}
	at := len(buf)
	for i := len(key) - 1; i >= 0; i-- {
		c := key[i]
		if c >= utf8.RuneSelf {
			return k.verdictUnicode(key)
		}
		if !alphanumeric(c) {
			continue
		}
		if len(buf)-at == k.longest {
			return v
		}
		at--
		buf[at] = lower(c)
		if len(buf)-at == shortName {
			if bit := ending(buf[at:]); k.endings[bit/64]&(1<<(bit%64)) == 0 {
				return shown
			}
		}
		if len(buf)-at < k.shortest || !beginsWord(key, i) {
			continue
		}
		if listed, ok := k.names[string(buf[at:])]; ok {
			v = listed
		}
	}
	return v
}

// beginsWord reports whether a word begins at the letter or digit key[i].
func beginsWord(key string, i int) bool {
	if i == 0 {
		return true
	}
	c, before := key[i], key[i-1]
	switch {
	case before >= utf8.RuneSelf:
		return false // verdict gets there and leaves the key to verdictUnicode
	case !alphanumeric(before):
		return true
	case digit(before):
		return !digit(c)
	case upper(c):
		return !upper(before) || i+1 < len(key) && alphanumeric(key[i+1]) && !upper(key[i+1]) && !digit(key[i+1])
	}
	return false
}

// verdictUnicode is verdict for keys with characters outside of ASCII and for
// names longer than its buffer.
func (k *keys) verdictUnicode(key string) verdict {
	folded, words := foldUnicode(key)
	for _, at := range words {
		if v, ok := k.names[folded[at:]]; ok {
			return v
		}
	}
	return shown
}

// foldUnicode folds key and says where in the result its words begin.
func foldUnicode(key string) (folded string, words []int) {
	var b []byte
	runes := []rune(key)
	for i, r := range runes {
		if !wordRune(r) {
			continue
		}
		begins := i == 0 || !wordRune(runes[i-1]) || unicode.IsDigit(runes[i-1]) && !unicode.IsDigit(r)
		if !begins && unicode.IsUpper(r) {
			begins = !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])
		}
		if begins {
			words = append(words, len(b))
		}
		b = utf8.AppendRune(b, unicode.ToLower(r))
	}
	return string(b), words
}

func wordRune(r rune) bool {
	if r >= utf8.RuneSelf {
		return r != utf8.RuneError && !unicode.IsSpace(r)
	}
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func alphanumeric(c byte) bool { return digit(c) || lower(c) >= 'a' && lower(c) <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func upperCase(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

func lower(c byte) byte {
	if upper(c) {
		return c + 'a' - 'A'
	}
	return c
}
