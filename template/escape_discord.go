package template

import "strings"

// Discord is for the text of a message in Discord's Markdown. It puts a
// backslash before the characters that act in it: \ * _ ~ | [ ] ( ) and the
// backquote anywhere; # - + > and the period of a numbered list at the start of
// a line, which the start of the value may be. It puts a zero-width space
// (U+200B) behind every @ and <, so that @everyone, @here, <@id>, <#id> and the
// like name nobody.
//
// In a link, from http:// or https:// to the next space, a backslash would
// break the address: there \ * | [ ] ( ) @ > and the backquote are written as
// %XX, and the rest is kept.
//
// What pings is decided by allowed_mentions of the message, and a sender sets
// it; the escape is a second line of defence.
func Discord(dst, s []byte) ([]byte, error) { return appendDiscord(dst, stringOf(s)), nil }

const zeroWidthSpace = "\u200b"

func appendDiscord(dst []byte, s string) []byte {
	for i := 0; ; {
		n := plainRun(s[i:], inDiscord)
		dst = append(dst, s[i:i+n]...)
		if i += n; i == len(s) {
			return dst
		}
		c := s[i]
		switch c {
		case '@', '<':
			dst = append(dst, c)
			dst = append(dst, zeroWidthSpace...)
		case ':':
			if n := linkLen(s, i); n > 0 {
				dst = appendDiscordLink(dst, s[i:i+n])
				i += n
				continue
			}
			dst = append(dst, c)
		case '#', '-', '+', '>', '.':
			if startsLine(s, i) {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', c)
		}
		i++
	}
}

// startsLine reports whether nothing but space, or for a period also digits,
// comes before s[i] in its line.
func startsLine(s string, i int) bool {
	before := s[:i]
	if s[i] == '.' {
		before = strings.TrimRight(before, "0123456789")
	}
	before = strings.TrimRight(before, " \t")
	return before == "" || before[len(before)-1] == '\n' || before[len(before)-1] == '\r'
}

// linkLen returns how much of a link follows from the colon at i on, and 0 if
// it is not the colon of one.
func linkLen(s string, i int) int {
	if !strings.HasPrefix(s[i:], "://") || !strings.HasSuffix(s[:i], "http") && !strings.HasSuffix(s[:i], "https") {
		return 0
	}
	n := len("://")
	for i+n < len(s) && s[i+n] > ' ' && s[i+n] != '<' && s[i+n] != '"' && s[i+n] != 0x7f {
		n++
	}
	return n
}

func appendDiscordLink(dst []byte, s string) []byte {
	for {
		i := plainRun(s, inDiscordLink)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		dst = appendPercent(dst, s[i])
		s = s[i+1:]
	}
}
