package template

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// config is what a template is compiled with.
type config struct {
	name      string
	opening   string // of a tag; empty: {{
	closing   string // empty: }}
	limits    Limits // MaxSource, MaxTags and MaxPath are set
	modifiers []string
	filter    func(name string) (*filter, bool)
	lenient   bool // a tag that does not compile stays text
}

// node is a piece of a template: text, or a tag.
type node struct {
	text string
	tag  *tag
}

// tag renders the first of its operands that has a value, through its filters.
type tag struct {
	at       int    // offset of the opening
	src      string // from the opening to the closing
	operands []operand
	filters  []call
}

// operand is one alternative of a tag: a path, or without one a literal.
type operand struct {
	literal Value
	path    *path
}

// call is the use of a filter.
type call struct {
	f    *filter
	args []Value
}

const maxFilters = 8 // in one tag

type parser struct {
	*config
	src      string
	pos      int
	tag      int    // offset of the current tag
	before   string // what stands in front of pos, for messages
	lastPath string // the path that before names, if it is one
}

// failure carries a *SyntaxError up to parse.
type failure struct{ err *SyntaxError }

// parse compiles a template. Offsets in the result are offsets in src.
func parse(src string, c *config) ([]node, *SyntaxError) {
	c = c.withDelims()
	if len(src) > c.limits.MaxSource {
		return nil, syntaxError("", c.name, 0, "source longer than "+strconv.Itoa(c.limits.MaxSource)+" bytes", "")
	}
	p := &parser{config: c, src: src}
	var nodes []node
	trim := false // the tag before has asked for it
	for tags := 1; ; tags++ {
		start := p.pos
		found := strings.Index(src[start:], c.opening)
		text := src[start:]
		if found >= 0 {
			text = text[:found]
		}
		if trim {
			text = strings.TrimLeft(text, spaces)
		}
		if found < 0 {
			return appendText(nodes, text), nil
		}
		p.tag = start + found
		if tags > c.limits.MaxTags {
			return nil, syntaxError(src, c.name, p.tag, "more than "+strconv.Itoa(c.limits.MaxTags)+" tags", "")
		}
		n, left, right, err := p.parseTag()
		if err != nil {
			if !c.lenient {
				return nil, err
			}
			n, left, right = p.skipTag(), false, false
		}
		if left {
			text = strings.TrimRight(text, spaces)
		}
		trim = right
		nodes = appendText(nodes, text)
		if n.tag == nil {
			nodes = appendText(nodes, n.text)
		} else {
			nodes = append(nodes, n)
		}
	}
}

// withDelims fills in the default delimiters.
func (c *config) withDelims() *config {
	filled := *c
	if c.opening == "" {
		filled.opening, filled.closing = "{{", "}}"
	}
	return &filled
}

// checkDelims refuses delimiters that a path or a literal could hold.
func checkDelims(opening, closing string) error {
	for _, s := range []string{opening, closing} {
		if s == "" || len(s) > 8 {
			return errors.New("template: a delimiter has 1 to 8 characters")
		}
		for i := range len(s) {
			if c := s[i]; c <= ' ' || c >= 0x7f || isAlnum(c) || strings.IndexByte(`_.|,:\'"`, c) >= 0 {
				return errors.New("template: a delimiter holds ASCII punctuation only, and none of _ . | , : \\ ' \"")
			}
		}
	}
	return nil
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

// skipTag takes a tag that does not compile as text, up to its closing.
func (p *parser) skipTag() node {
	p.pos = len(p.src)
	from := p.tag + len(p.opening)
	if i := strings.Index(p.src[from:], p.closing); i >= 0 {
		p.pos = from + i + len(p.closing)
	}
	return node{text: p.src[p.tag:p.pos]}
}

// parseTag reads from p.tag to behind the closing. A comment, or a tag that is
// a string alone, is text.
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
	p.pos = p.tag + len(p.opening)
	p.before, p.lastPath = "", ""
	if p.opening == "{{" && p.has("{") {
		p.fail(p.tag, "'{{{' is reserved", "{{name}} escapes nothing by itself; a multipath needs a space, as in {{ {a,b} }}")
	}
	if p.pos+1 < len(p.src) && p.src[p.pos] == '-' && isSpace(p.src[p.pos+1]) {
		left = true
		p.pos++
	}
	p.space()
	if p.has("/*") {
		end := strings.Index(p.src[p.pos+2:], "*/")
		if end < 0 {
			p.failUnclosed("its comment has no */")
		}
		p.pos += end + 4
		p.before = "a comment"
		return node{}, left, p.close(), nil
	}
	t := &tag{at: p.tag}
	p.expr(t)
	right = p.close()
	if len(t.operands) == 1 && t.operands[0].path == nil && len(t.filters) == 0 {
		return node{text: t.operands[0].literal.raw}, left, right, nil // a string, as nothing else can stand first
	}
	t.src = p.src[p.tag:p.pos]
	return node{tag: t}, left, right, nil
}

// close reads whitespace, a trim marker and the closing.
func (p *parser) close() (trim bool) {
	p.space()
	if isSpace(p.src[p.pos-1]) && p.has("-"+p.closing) {
		p.pos++
		trim = true
	}
	if !p.has(p.closing) {
		p.failUnexpected()
	}
	p.pos += len(p.closing)
	return trim
}

func (p *parser) has(s string) bool { return strings.HasPrefix(p.src[p.pos:], s) }

func (p *parser) space() {
	for p.pos < len(p.src) && isSpace(p.src[p.pos]) {
		p.pos++
	}
}

func (p *parser) fail(at int, msg, hint string) {
	if p.lenient {
		panic(failure{&SyntaxError{Msg: msg}}) // nobody reads the rest
	}
	panic(failure{syntaxError(p.src, p.name, min(at, len(p.src)), msg, hint)})
}

func (p *parser) failUnclosed(hint string) { p.fail(p.tag, "unclosed tag", hint) }

// failUnexpected refuses what stands at p.pos.
func (p *parser) failUnexpected() {
	if p.pos >= len(p.src) {
		p.failUnclosed("")
	}
	p.fail(p.pos, "unexpected "+p.char()+" after "+p.before, p.hint())
}

// char is the character at p.pos, for messages.
func (p *parser) char() string {
	r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
	return strconv.QuoteRune(r)
}

// hint says what may be meant by what stands at p.pos.
func (p *parser) hint() string {
	word := p.src[p.pos:]
	end := 0
	for end < len(word) && (isNameByte(word[end]) || word[end] >= utf8.RuneSelf) {
		end++
	}
	word = word[:end]
	switch {
	case p.has("??"):
		return "filters stand behind the last ??"
	case p.has(":"):
		return "arguments of a filter stand in parentheses"
	case p.lastPath != "" && word != "" && isSpace(p.src[p.pos-1]):
		return "a key with a space is written " + cut(p.lastPath) + `\ ` + cut(word)
	default:
		return ""
	}
}

// cut keeps a message readable, and on one line, whatever it quotes.
func cut(s string) string {
	const most = 48
	short := []rune(s)
	if len(short) > most {
		short = append(short[:most], '…')
	}
	for i, r := range short {
		if unicode.IsControl(r) {
			short[i] = ' '
		}
	}
	return string(short)
}

const spaces = " \t\r\n"

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c)
}

// isNameByte reports whether c is of a name: of a filter, a modifier, or the
// member of a multipath.
func isNameByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }
