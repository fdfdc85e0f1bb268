package logging

import (
	"log/slog"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendEscaped appends s as the inside of a JSON string. The form is
// canonical: equal strings have equal bytes.
func appendEscaped(b []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		r := rune(c)
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			// C1 controls drive terminals, and the two separators end a line for
			// some readers.
			if (r != utf8.RuneError || size > 1) && r > 0x9f && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[done:i]...)
		i += size
		done = i
		switch r {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case utf8.RuneError:
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		}
	}
	return append(b, s[done:]...)
}

// appendTimestamp appends t in RFC 3339, UTC, with six fractional digits.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year >= 0 && year <= 9999 {
		b = appendTwo(appendTwo(b, year/100), year%100)
	} else {
		b = appendPadded(b, year, 4)
	}
	b = appendTwo(append(b, '-'), int(month))
	b = appendTwo(append(b, '-'), day)
	b = appendTwo(append(b, 'T'), hour)
	b = appendTwo(append(b, ':'), minute)
	b = appendTwo(append(b, ':'), second)
	micros := t.Nanosecond() / 1000
	b = appendTwo(append(b, '.'), micros/10000)
	b = appendTwo(appendTwo(b, micros/100%100), micros%100)
	return append(b, 'Z')
}

// appendTwo appends n, from 0 to 99, in two digits.
func appendTwo(b []byte, n int) []byte {
	return append(b, "0123456789"[n/10], "0123456789"[n%10])
}

func appendPadded(b []byte, n, width int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	var digits [20]byte
	i := len(digits)
	for n > 0 || width > 0 {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
		width--
	}
	return append(b, digits[i:]...)
}

// appendLevel appends the name of slog in lower case.
func appendLevel(b []byte, level slog.Level) []byte {
	name, base := "error", slog.LevelError
	switch {
	case level < slog.LevelInfo:
		name, base = "debug", slog.LevelDebug
	case level < slog.LevelWarn:
		name, base = "info", slog.LevelInfo
	case level < slog.LevelError:
		name, base = "warn", slog.LevelWarn
	}
	b = append(b, name...)
	if level == base {
		return b
	}
	if level > base {
		b = append(b, '+')
	}
	return strconv.AppendInt(b, int64(level-base), 10)
}

// appendMillis appends d in milliseconds, exactly.
func appendMillis(b []byte, d time.Duration) []byte {
	n := uint64(d) //nolint:gosec // two's complement is meant: the most negative duration has no positive counterpart
	if d < 0 {
		b, n = append(b, '-'), -n
	}
	const perMilli = uint64(time.Millisecond)
	b = strconv.AppendUint(b, n/perMilli, 10)
	rest := int(n % perMilli)
	if rest == 0 {
		return b
	}
	b = appendPadded(append(b, '.'), rest, 6)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// appendFloat appends f as a JSON number, or as a string where there is none.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"+Inf"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Inf"`...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, bits)
}
