package template

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// node is a piece of a template: literal text, or a tag.
type node struct {
	text string // literal text, or the source of the tag
	at   int    // offset of the tag
	tag  []operand
}

// operand is one alternative of a tag: a path, or a literal.
type operand struct {
	path    path
	literal gjson.Result // when path.text is empty
}

func (o operand) isLiteral() bool { return o.path.text == "" }

type parser struct {
	src     string
	pos     int
	tag     int // offset of the current tag
	limits  Limits
	lenient bool
}

// failure carries a *SyntaxError up to parse.
type failure struct{ err *SyntaxError }

func parse(src string, s settings, lenient bool) (nodes []node, err *SyntaxError) {
	p := &parser{src: src, limits: s.limits, lenient: lenient}
	if len(src) > s.limits.MaxSource {
		return nil, &SyntaxError{Pos: Pos{Line: 1, Column: 1}, Name: s.name, Msg: "source too long"}
	}
	tags := 0
	trim := false // the tag before has asked for it
	for p.pos < len(src) {
		text, rest, found := strings.Cut(src[p.pos:], "{{")
		if trim {
			text = strings.TrimLeft(text, " \t\r\n")
		}
		if !found {
			return appendText(nodes, text), nil
		}
		p.tag = len(src) - len(rest) - 2
		p.pos = p.tag + 2
		n, left, right, err := p.parseTag()
		if err != nil {
			if !lenient {
				err.Name = s.name
				return nil, err
			}
			n, left, right = p.literalTag(), false, false
		}
		if left {
			text = strings.TrimRight(text, " \t\r\n")
		}
		trim = right
		nodes = appendText(nodes, text)
		if n.tag != nil {
			nodes = append(nodes, n)
		} else {
			nodes = appendText(nodes, n.text)
		}
		if tags++; tags > s.limits.MaxTags {
			return nil, &SyntaxError{Pos: position(src, p.tag), Name: s.name, Msg: "too many tags", Snippet: snippet(src, position(src, p.tag))}
		}
	}
	return nodes, nil
}

func appendText(nodes []node, text string) []node {
	switch {
	case text == "":
		return nodes
	case len(nodes) > 0 && nodes[len(nodes)-1].tag == nil:
		nodes[len(nodes)-1].text += text
		return nodes
	default:
		return append(nodes, node{text: text})
	}
}

// literalTag takes a tag that does not compile as text, up to its }}.
func (p *parser) literalTag() node {
	end := len(p.src)
	if i := strings.Index(p.src[p.tag:], "}}"); i >= 0 {
		end = p.tag + i + 2
	}
	p.pos = end
	return node{text: p.src[p.tag:end]}
}

// parseTag reads from behind {{ to behind }}. A comment, or a tag that is a
// literal alone, is text.
func (p *parser) parseTag() (n node, left, right bool, err *SyntaxError) {
	defer func() {
		if v := recover(); v != nil {
			f, ok := v.(failure)
			if !ok {
				panic(v)
			}
			err = f.err
		}
	}()
	if p.has("{") {
		p.fail(p.tag, "{{{ is reserved", "nothing is escaped, so {{name}} is enough")
	}
	if p.pos+1 < len(p.src) && p.src[p.pos] == '-' && isSpace(p.src[p.pos+1]) {
		left = true
		p.pos++
	}
	p.space()
	if p.has("/*") {
		end := strings.Index(p.src[p.pos+2:], "*/")
		if end < 0 {
			p.failUnclosed()
		}
		p.pos += end + 4
		right = p.close()
		return node{}, left, right, nil
	}
	ops := p.expr()
	right = p.close()
	if len(ops) == 1 && ops[0].isLiteral() {
		return node{text: ops[0].literal.Str}, left, right, nil
	}
	return node{text: p.src[p.tag:p.pos], at: p.tag, tag: ops}, left, right, nil
}

// close reads whitespace, a trim marker and }}.
func (p *parser) close() (trim bool) {
	spaced := p.space()
	if spaced && p.has("-}}") {
		p.pos += 3
		return true
	}
	if !p.has("}}") {
		p.failUnexpected("}}")
	}
	p.pos += 2
	return false
}

func (p *parser) expr() []operand {
	if p.pos == len(p.src) {
		p.failUnclosed()
	}
	c := p.src[p.pos]
	switch {
	case strings.IndexByte("/^&>=!", c) >= 0:
		p.fail(p.pos, "'"+string(c)+"' is reserved at the start of a tag", `write \`+string(c)+" for a key that begins with it")
	case c == '#' && p.pos+1 < len(p.src) && (isAlnum(p.src[p.pos+1]) && !isDigit(p.src[p.pos+1]) || p.src[p.pos+1] == '_'):
		p.fail(p.pos, "blocks are reserved", `write \# for a key that begins with it`)
	}
	ops := []operand{p.operand(false)}
	for {
		at := p.pos
		p.space()
		switch {
		case p.has("??"):
			p.pos += 2
			p.space()
			ops = append(ops, p.operand(true))
		case p.has("|"):
			p.pos++
			p.space()
			p.fail(p.pos, "unknown filter", "")
		default:
			p.pos = at
			return ops
		}
	}
}

// operand reads a path or a literal. Behind ?? a whole token that is a JSON
// scalar is a literal.
func (p *parser) operand(fallback bool) operand {
	if p.has("'") || p.has(`"`) {
		return operand{literal: gjson.Result{Type: gjson.String, Str: p.str()}}
	}
	path := p.path()
	if fallback && path.text != "" && isScalar(path.text) {
		return operand{literal: gjson.Parse(path.text)}
	}
	return operand{path: path}
}

func isScalar(s string) bool {
	return s[0] != '{' && s[0] != '[' && gjson.Valid(s)
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
	p.failUnclosed()
	return ""
}

func (p *parser) escape(b *strings.Builder) {
	if p.pos == len(p.src) {
		p.failUnclosed()
	}
	c := p.src[p.pos]
	if c == 'u' {
		b.WriteRune(p.unicodeEscape())
		return
	}
	i := strings.IndexByte(`"'\/bfnrt`, c)
	if i < 0 {
		p.fail(p.pos-1, "unknown escape", "")
	}
	b.WriteByte("\"'\\/\b\f\n\r\t"[i])
}

// unicodeEscape reads the four digits behind \u, and the second half of a
// surrogate pair. It leaves p.pos on the last digit.
func (p *parser) unicodeEscape() rune {
	hex := func(at int) (rune, bool) {
		if at+4 > len(p.src) {
			return 0, false
		}
		n, err := strconv.ParseUint(p.src[at:at+4], 16, 16)
		return rune(n), err == nil
	}
	r, ok := hex(p.pos + 1)
	if !ok {
		p.fail(p.pos-1, "malformed \\u escape", "")
	}
	p.pos += 4
	if r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(p.src[p.pos+1:], `\u`) {
		if low, ok := hex(p.pos + 3); ok && low >= 0xdc00 && low < 0xe000 {
			p.pos += 6
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
		}
	}
	return r // a lone half is written as U+FFFD
}

func (p *parser) has(s string) bool { return strings.HasPrefix(p.src[p.pos:], s) }

func (p *parser) space() bool {
	at := p.pos
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
	return p.pos > at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) fail(at int, msg, hint string) {
	at = min(at, len(p.src))
	pos := position(p.src, at)
	panic(failure{&SyntaxError{Pos: pos, Msg: msg, Hint: hint, Snippet: snippet(p.src, pos)}})
}

func (p *parser) failUnclosed() { p.fail(p.tag, "unclosed tag", "") }

func (p *parser) failUnexpected(want string) {
	if p.pos >= len(p.src) {
		p.failUnclosed()
	}
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	hint := ""
	if want == "}}" && p.pos > 0 && isSpace(p.src[p.pos-1]) {
		word := p.src[p.pos:]
		if i := strings.IndexAny(word, " \t\r\n}|?"); i > 0 {
			first := strings.Fields(p.src[p.tag+2 : p.pos])
			if len(first) > 0 {
				hint = "a key with a space is written " + first[len(first)-1] + `\ ` + word[:i]
			}
		}
	}
	p.fail(p.pos, "unexpected "+strconv.QuoteRune(r)+", want "+want, hint)
}
