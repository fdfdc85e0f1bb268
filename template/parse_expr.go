package template

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// expr reads the operands and the filters of a tag.
func (p *parser) expr(t *tag) {
	p.reserved()
	t.operands = []operand{p.operand(false)}
	for p.next("??") {
		p.pos += 2
		p.space()
		t.operands = append(t.operands, p.operand(true))
	}
	for p.next("|") {
		p.pos++
		p.space()
		if len(t.filters) == maxFilters {
			p.fail(p.pos, "more than "+strconv.Itoa(maxFilters)+" filters in one tag", "")
		}
		t.filters = append(t.filters, p.call())
	}
}

// next skips whitespace and reports whether s follows rather than the closing.
func (p *parser) next(s string) bool {
	p.space()
	return !p.has(p.closing) && p.has(s)
}

// reserved refuses what other languages begin a tag with, so that it can be
// given a meaning without changing a template that compiles.
func (p *parser) reserved() {
	if p.pos == len(p.src) {
		p.failUnclosed("")
	}
	c := p.src[p.pos]
	msg := "'" + string(c) + "' is reserved at the start of a tag"
	escape := `write \` + string(c) + " for a key that begins with it"
	switch c {
	case '#':
		if p.pos+1 < len(p.src) && (isNameByte(p.src[p.pos+1]) && !isDigit(p.src[p.pos+1])) {
			p.fail(p.pos, "blocks are reserved", escape)
		}
	case '/', '^':
		p.fail(p.pos, msg, escape)
	case '!':
		p.fail(p.pos, msg, "a comment is written {{/* ... */}}; "+escape)
	case '=':
		p.fail(p.pos, msg, "other delimiters are set by WithDelims; "+escape)
	case '>':
		p.fail(p.pos, msg, "there are no partials; "+escape)
	case '&':
		p.fail(p.pos, msg, "the filter raw keeps a value from being escaped; "+escape)
	}
}

// operand reads a path or a string. Behind ?? a whole token that is a JSON
// scalar is a literal.
func (p *parser) operand(fallback bool) operand {
	if p.has("'") || p.has(`"`) {
		s := p.str()
		p.before, p.lastPath = "a string", ""
		return operand{literal: Value{raw: s, kind: KindString, plain: true}}
	}
	if fallback {
		end := p.pos
		for end < len(p.src) && !p.endsTag(end) {
			end++
		}
		if v, ok := scalar(p.src[p.pos:end]); ok {
			p.pos = end
			p.before, p.lastPath = "a literal", ""
			return operand{literal: v}
		}
	}
	if p.pos < len(p.src) && p.endsTag(p.pos) {
		p.fail(p.pos, "unexpected "+p.char()+" where a path is expected", "")
	}
	path := p.path()
	p.before, p.lastPath = "path "+strconv.Quote(cut(path.text)), path.text
	return operand{path: path}
}

// endsTag reports whether a path outside of brackets ends at an offset.
func (p *parser) endsTag(at int) bool {
	rest := p.src[at:]
	return isSpace(rest[0]) || strings.HasPrefix(rest, p.closing) || strings.HasPrefix(rest, "??")
}

// scalar reads a number, true, false or null.
func scalar(s string) (Value, bool) {
	if s == "" {
		return Value{}, false
	}
	v := Value{raw: s}
	switch c := s[0]; {
	case c == '-' || isDigit(c):
		v.kind = KindNumber
	case c == 't' || c == 'f':
		v.kind = KindBool
	case c == 'n':
		v.kind = KindNull
	default:
		return Value{}, false
	}
	return v, gjson.Valid(s) && !isSpace(s[len(s)-1])
}

// str reads a string literal in either kind of quotes.
func (p *parser) str() string {
	quote := p.src[p.pos]
	var b strings.Builder
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch c := p.src[p.pos]; c {
		case quote:
			p.pos++
			return b.String()
		case '\\':
			p.pos++
			p.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	p.failUnclosed("a string is not closed")
	return ""
}

func (p *parser) escape(b *strings.Builder) {
	if p.pos == len(p.src) {
		p.failUnclosed("a string is not closed")
	}
	c := p.src[p.pos]
	if c == 'u' {
		b.WriteRune(p.unicodeEscape())
		return
	}
	i := strings.IndexByte(`"'\/bfnrt`, c)
	if i < 0 {
		p.fail(p.pos-1, "unknown escape", `a backslash is written \\`)
	}
	b.WriteByte("\"'\\/\b\f\n\r\t"[i])
}

// unicodeEscape reads the four digits behind \u, and the second half of a
// surrogate pair. It leaves p.pos on the last digit.
func (p *parser) unicodeEscape() rune {
	r, ok := p.hex(p.pos + 1)
	if !ok {
		p.fail(p.pos-1, `malformed \u escape`, "four hexadecimal digits follow the u")
	}
	p.pos += 4
	if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.src[p.pos+1:], `\u`) {
		if low, ok := p.hex(p.pos + 3); ok && low >= 0xdc00 && low < 0xe000 {
			p.pos += 6
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
		}
	}
	return r // a lone half is written as U+FFFD
}

func (p *parser) hex(at int) (rune, bool) {
	if at+4 > len(p.src) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.src[at:at+4], 16, 16)
	return rune(n), err == nil
}
