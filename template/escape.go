package template

import (
	"errors"
	"fmt"
)

// Escaper appends s to dst in a form that is safe in one place of the output,
// and returns the result. It must not change or keep s. On an error it returns
// dst as it was; the error's text does not contain s.
//
// The escapers of this package allocate nothing but room in dst, and may be
// used concurrently.
type Escaper func(dst, s []byte) ([]byte, error)

// ErrUnsafe is what an [Escaper] fails with when no escape makes a value safe.
var ErrUnsafe = errors.New("template: value is not safe in its place")

// None appends s as it is.
func None(dst, s []byte) ([]byte, error) { return append(dst, s...), nil }

// JSON is for the inside of a JSON string literal; it appends no quotes. It
// escapes what RFC 8259 (section 7) demands and nothing more: the quote, the
// backslash and the characters below U+0020. Each byte that is not UTF-8
// becomes U+FFFD. The result is not for JavaScript inside HTML.
func JSON(dst, s []byte) ([]byte, error) { return appendJSONText(dst, stringOf(s)), nil }

// HTML is for text and for quoted attributes: it writes & < > " ' as entities.
// It makes no URL, script or style safe.
func HTML(dst, s []byte) ([]byte, error) { return appendHTML(dst, stringOf(s)), nil }

// Slack is for the text of a message in Slack's mrkdwn: it writes & < > as
// entities, the three that Slack asks for, so that a value makes no mention, no
// <!channel> and no link under another name. Slack has no escape for * _ ~ and
// the backquote.
func Slack(dst, s []byte) ([]byte, error) { return appendSlack(dst, stringOf(s)), nil }

// Header is for the value of an HTTP or mail header (RFC 9110, section 5.5). A
// control character other than the tab is an error that wraps [ErrUnsafe], and
// never stripped: a value that brings a line break is an attack or a mistake. It
// does not encode what is beyond ASCII (RFC 2047), nor keep a value from naming a
// second address in a list of them.
func Header(dst, s []byte) ([]byte, error) {
	if i := plainRun(stringOf(s), inHeader); i < len(s) {
		return dst, fmt.Errorf("%w: control character %#02x in a header", ErrUnsafe, s[i])
	}
	return append(dst, s...), nil
}

// Places where a byte is special.
const (
	inJSON uint8 = 1 << iota
	inHTML
	inSlack
	inHeader
	inURL
	inDiscord
	inDiscordLink
)

// specials holds the places where each byte cannot stand as it is.
//
//nolint:gochecknoglobals // a constant table
var specials = func() (t [256]uint8) {
	mark := func(chars string, place uint8) {
		for i := range len(chars) {
			t[chars[i]] |= place
		}
	}
	for c := range t {
		if c < ' ' {
			t[c] |= inJSON
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			t[c] |= inHeader
		}
		if !isUnreserved(byte(c)) {
			t[c] |= inURL
		}
	}
	mark(`"\`, inJSON)
	mark(`&<>"'`, inHTML)
	mark(`&<>`, inSlack)
	mark("\\*_~`|[]()@<>#-+.:", inDiscord)
	mark("\\*`|[]()@>", inDiscordLink)
	return t
}()

// plainRun returns how many bytes of s may be copied before a special one.
func plainRun(s string, place uint8) (n int) {
	for ; len(s)-n >= 8; n += 8 { // without a branch for each byte
		w := s[n : n+8]
		if (specials[w[0]]|specials[w[1]]|specials[w[2]]|specials[w[3]]|specials[w[4]]|specials[w[5]]|specials[w[6]]|specials[w[7]])&place != 0 {
			break
		}
	}
	for n < len(s) && specials[s[n]]&place == 0 {
		n++
	}
	return n
}

func appendHTML(dst []byte, s string) []byte { return appendEntities(dst, s, inHTML) }

func appendSlack(dst []byte, s string) []byte { return appendEntities(dst, s, inSlack) }

func appendEntities(dst []byte, s string, place uint8) []byte {
	for {
		i := plainRun(s, place)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		switch s[i] {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&#34;"...)
		case '\'':
			dst = append(dst, "&#39;"...)
		}
		s = s[i+1:]
	}
}
