package discord

import (
	"strconv"
	"strings"
)

// Escape makes data show as it is in Markdown: it puts a backslash before the
// characters that act, anywhere or at the start of a line, and a zero-width space
// behind every @ and <, so that neither a user, a role, a channel nor a time is
// named. In a link, from http:// or https:// to the next space, it writes the
// characters that act as %XX instead, since a backslash would break the address.
//
// It is for one value, once: what is escaped already is escaped again. The result
// is longer, and counts as long as it is. It is the escape that the package
// template calls Discord.
func Escape(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '@', '<':
			b.WriteByte(c)
			b.WriteString("\u200b")
		case ':':
			n := linkLen(s, i)
			escapeLink(&b, s[i:i+n])
			i += n - 1
		case '\\', '*', '_', '~', '`', '|', '[', ']', '(', ')':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '#', '-', '+', '>', '.':
			if startsLine(s[:i], c) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// startsLine reports whether what stands before c in its line lets it act: space,
// and before the period of a numbered list digits.
func startsLine(before string, c byte) bool {
	if c == '.' {
		before = strings.TrimRight(before, "0123456789")
	}
	before = strings.TrimRight(before, " \t")
	return before == "" || strings.HasSuffix(before, "\n") || strings.HasSuffix(before, "\r")
}

// linkLen returns how much of a link begins with the colon at i: the colon alone
// when it is none.
func linkLen(s string, i int) int {
	if !strings.HasPrefix(s[i:], "://") || !strings.HasSuffix(s[:i], "http") && !strings.HasSuffix(s[:i], "https") {
		return 1
	}
	n := len("://")
	for i+n < len(s) && s[i+n] > ' ' && s[i+n] != 0x7f && s[i+n] != '<' && s[i+n] != '"' {
		n++
	}
	return n
}

func escapeLink(b *strings.Builder, link string) {
	for i := range len(link) {
		switch c := link[i]; c {
		case '\\', '*', '`', '|', '[', ']', '(', ')', '@', '>':
			b.WriteByte('%')
			b.WriteString(strings.ToUpper(strconv.FormatUint(uint64(c), 16)))
		default:
			b.WriteByte(c)
		}
	}
}
