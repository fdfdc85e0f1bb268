package template

import (
	"strconv"
	"strings"
)

// call reads the name and the arguments of a filter, and checks them.
func (p *parser) call() call {
	at := p.pos
	name := p.filterName(at)
	if name == "" {
		if at == len(p.src) {
			p.failUnclosed("")
		}
		hint := ""
		switch p.src[at] {
		case '|':
			hint = "a fallback is written a ?? b"
		case '@':
			hint = "a modifier touches its bar, as in a|@reverse"
		}
		p.fail(at, "unexpected "+p.char()+" where the name of a filter is expected", hint)
	}
	f, ok := p.filter(name)
	if !ok {
		p.fail(at, "unknown filter "+strconv.Quote(cut(name)), p.similarFilter(name))
	}
	p.pos += len(name)
	p.before, p.lastPath = "filter "+name, ""
	args, offsets := p.args()
	if p.has(":") { // before the missing argument is reported
		p.failUnexpected()
	}
	bound, err := f.bind(args, p.limits.MaxOutput)
	if err != nil {
		if err.index >= 0 && err.index < len(offsets) {
			at = offsets[err.index]
		}
		p.fail(at, err.msg, "")
	}
	return call{f: bound, args: args}
}

// filterName returns the name that stands at an offset, or nothing.
func (p *parser) filterName(at int) string {
	end := at
	for end < len(p.src) && (isAlnum(p.src[end]) && (end > at || !isDigit(p.src[end])) || p.src[end] == '_') {
		end++
	}
	return p.src[at:end]
}

// similarFilter names the filter that other languages call name.
func (p *parser) similarFilter(name string) string {
	var ours string
	switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
	case "uppercase", "upcase", "toupper":
		ours = "upper"
	case "lowercase", "downcase", "tolower":
		ours = "lower"
	case "strip":
		ours = "trim"
	case "capitalize", "titlecase":
		ours = "title"
	case "size", "length", "count":
		ours = "len"
	case "tojson", "jsonencode", "jsonify":
		ours = "json"
	case "escape", "e", "escapehtml", "htmlescape":
		ours = "html"
	case "urlencode", "urlescape", "urlquery", "encodeuri":
		ours = "url"
	case "b64", "b64enc", "base64encode":
		ours = "base64"
	case "safe", "noescape":
		ours = "raw"
	default:
		ours = strings.ToLower(name)
	}
	if _, ok := p.filter(ours); !ok {
		return ""
	}
	return "the name here is " + ours
}

// args reads the arguments of a filter, if it has any, and where they stand.
func (p *parser) args() (args []Value, offsets []int) {
	if !p.has("(") {
		return nil, nil
	}
	p.pos++
	p.space()
	if p.has(")") {
		p.pos++
		return nil, nil
	}
	for {
		offsets = append(offsets, p.pos)
		args = append(args, p.arg())
		p.space()
		switch {
		case p.has(","):
			p.pos++
			p.space()
		case p.has(")"):
			p.pos++
			return args, offsets
		case p.pos == len(p.src):
			p.failUnclosed("')' is missing")
		default:
			p.fail(p.pos, "unexpected "+p.char()+" where ',' or ')' is expected", "")
		}
	}
}

// arg reads a literal.
func (p *parser) arg() Value {
	if p.has("'") || p.has(`"`) {
		return Value{raw: p.str(), kind: KindString, plain: true}
	}
	end := p.pos
	for end < len(p.src) && (isNameByte(p.src[end]) || p.src[end] == '.' || p.src[end] == '+') {
		end++
	}
	v, ok := scalar(p.src[p.pos:end])
	switch {
	case ok:
		p.pos = end
		return v
	case p.pos == len(p.src):
		p.failUnclosed("')' is missing")
	case end > p.pos:
		p.fail(p.pos, "unexpected "+strconv.Quote(cut(p.src[p.pos:end]))+" where a literal is expected", "a text is written in quotes")
	}
	p.fail(p.pos, "unexpected "+p.char()+" where a literal is expected", "")
	return Value{}
}
