package template

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// What a [DataError] says of data.
const (
	msgEmpty = "empty"
	msgEnd   = "unexpected end"
	msgJSON  = "not valid JSON"
	msgUTF8  = "not valid UTF-8"
	msgDepth = "nested too deep"
	msgSize  = "too large"
)

// lexer checks JSON (RFC 8259) and tells where values end. Its methods take
// and return offsets in data; a negative one means that at and msg say what is
// wrong. Nothing in it recurses.
//
// It reads strings eight bytes at a time. Whether they are UTF-8 is decided at
// the end, in one go, and only when there is a byte beyond ASCII.
type lexer struct {
	data string
	wide uint64 // the bytes of all strings, and some behind them, or'ed
	room int    // how many more arrays and objects may be opened
	at   int
	msg  string
}

func (l *lexer) fail(at int, msg string) int {
	l.at, l.msg = at, msg
	return -1
}

// wrong fails at a byte that cannot be there, or at the end of the data.
func (l *lexer) wrong(at int) int {
	if at >= len(l.data) {
		return l.fail(len(l.data), msgEnd)
	}
	return l.fail(at, msgJSON)
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// load8 reads eight bytes, which the caller knows to be there.
func load8(data string, i int) uint64 {
	p := (*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(data)), i)) //nolint:gosec // callers check i+8 <= len(data)
	return binary.LittleEndian.Uint64(p[:])
}

// special sets the high bit of the lowest byte of w that ends a run of plain
// text: a quote, a backslash or a control character. What is set above it
// means nothing. Flipping bit 1 makes the quote the neighbour of the control
// characters, so that one subtraction finds them all.
func special(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) &^ w & highs
}

// firstMark is the number of the lowest byte that is marked.
func firstMark(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// skipSpaces returns where the next byte other than space is, or the end. In
// line it would slow down its callers, which seldom meet space.
//
//go:noinline
func skipSpaces(data string, i int) int {
	for i < len(data) {
		if i+8 <= len(data) {
			other := load8(data, i) ^ ' '*ones
			if other == 0 {
				i += 8
				continue
			}
			i += firstMark(other)
		}
		switch data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// skipSpace is skipSpaces, quick when there is none.
func skipSpace(data string, i int) int {
	if i < len(data) && data[i] <= ' ' {
		return skipSpaces(data, i)
	}
	return i
}

// skipPlain returns where plain text ends, or less than eight bytes are left.
// It adds what it sees to wide.
func skipPlain(data string, i int, wide uint64) (int, uint64) {
	for i+8 <= len(data) {
		w := load8(data, i)
		wide |= w
		if marks := special(w); marks != 0 {
			return i + firstMark(marks), wide
		}
		i += 8
	}
	return i, wide
}

// text reads the rest of a string, from i behind its opening quote or further,
// and returns where it ends.
func (l *lexer) text(i int) int {
	data, wide := l.data, l.wide
	for {
		i, wide = skipPlain(data, i, wide)
		for i < len(data) && data[i] >= ' ' && data[i] != '"' && data[i] != '\\' {
			wide |= uint64(data[i])
			i++
		}
		if i >= len(data) || data[i] < ' ' {
			return l.wrong(i)
		}
		if data[i] == '"' {
			l.wide = wide
			return i + 1
		}
		if i = l.escape(i + 1); i < 0 {
			return i
		}
	}
}

// escape reads an escape behind its backslash.
func (l *lexer) escape(i int) int {
	if i >= len(l.data) {
		return l.wrong(i)
	}
	switch l.data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; i >= len(l.data) || hexDigit(l.data[i]) < 0 {
				return l.wrong(i)
			}
		}
		return i + 1
	default:
		return l.wrong(i)
	}
}

// hexDigit is the value of a hexadecimal digit, or -1.
func hexDigit(c byte) rune {
	switch {
	case c-'0' < 10:
		return rune(c - '0')
	case c|0x20-'a' < 6:
		return rune(c|0x20-'a') + 10
	default:
		return -1
	}
}

// number reads a number that begins with a digit or a minus sign.
func (l *lexer) number(i int) int {
	data := l.data
	if data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data) || data[i]-'0' >= 10:
		return l.wrong(i)
	case data[i] == '0':
		i++
	default:
		i = skipDigits(data, i)
	}
	return l.fraction(i)
}

// fraction reads what may follow the integer part of a number.
func (l *lexer) fraction(i int) int {
	data := l.data
	if i < len(data) && data[i] == '.' {
		i++
		start := i
		if i = skipDigits(data, i); i == start {
			return l.wrong(i)
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(data, i); i == start {
			return l.wrong(i)
		}
	}
	return i
}

// skipDigits returns where digits end.
func skipDigits(data string, i int) int {
	for i < len(data) && data[i]-'0' < 10 {
		i++
	}
	return i
}

// word reads true, false or null.
func (l *lexer) word(i int) int {
	rest := l.data[i:]
	if len(rest) >= 4 && (rest[:4] == "true" || rest[:4] == "null") {
		return i + 4
	}
	if len(rest) >= 5 && rest[:5] == "false" {
		return i + 5
	}
	want := "false"
	switch l.data[i] {
	case 't':
		want = "true"
	case 'n':
		want = "null"
	}
	n := 0
	for n < len(rest) && rest[n] == want[n] {
		n++
	}
	return l.wrong(i + n)
}

// value reads the value that must begin at i.
func (l *lexer) value(i int) int {
	data := l.data
	if i >= len(data) {
		return l.wrong(i)
	}
	switch c := data[i]; {
	case c == '"':
		i, l.wide = skipPlain(data, i+1, l.wide)
		if i < len(data) && data[i] == '"' {
			return i + 1
		}
		return l.text(i)
	case c-'1' < 9:
		if i = skipDigits(data, i+1); i < len(data) && data[i] >= '.' {
			return l.fraction(i)
		}
		return i
	case c == '{' || c == '[':
		if l.room == 0 {
			return l.fail(i, msgDepth)
		}
		l.room--
		i = l.drain(i+1, c == '{', false)
		l.room++
		return i
	case c == '-' || c == '0':
		return l.number(i)
	default:
		return l.word(i)
	}
}
