package template

import (
	"slices"
	"strings"
)

// path is a path of gjson's syntax that has passed our checks.
type path struct {
	text  string   // as written
	steps []string // for gjson: text cut at the pipes, with every @ escaped, so that no name is a modifier
	parts []int    // offsets of the separators at bracket depth 0
}

// filterNames are reserved behind a pipe, with and without space.
func isFilterName(name string) bool {
	return slices.Contains([]string{
		"upper", "lower", "trim", "title", "truncate", "replace", "first", "last", "len", "json", "string", "number", "bool",
		"default", "date", "url", "urlpath", "html", "slack", "discord", "raw", "base64", "join",
	}, name)
}

// path scans a path that starts at p.pos and ends before whitespace, }} or ??.
func (p *parser) path() path {
	start := p.pos
	wild := 0
	var parts []int
scan:
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case isSpace(c), strings.HasPrefix(p.src[p.pos:], "}}"), strings.HasPrefix(p.src[p.pos:], "??"):
			break scan
		case c == '\\':
			if p.pos+1 == len(p.src) {
				p.failUnclosed()
			}
			p.pos += 2
			continue
		case (c == '[' || c == '{') && (p.pos == start || strings.IndexByte(".|", p.src[p.pos-1]) >= 0):
			p.fail(p.pos, "multipaths are not supported", `write \`+string(c)+" for a key that begins with it")
		case c == '(' || c == '[' || c == '{':
			p.group(0)
			continue
		case c == ')' || c == ']' || c == '}':
			p.fail(p.pos, "unexpected '"+string(c)+"'", `write \`+string(c)+" for a key that contains it")
		case c == '"':
			if before := p.src[p.pos-1]; p.pos == start || before != ':' && before != '!' {
				p.fail(p.pos, `unexpected '"'`, `write \" for a key that contains it`)
			}
			p.quoted()
			continue
		case c == '*' || c == '?':
			wild++
		case c == '.' || c == '|':
			parts = append(parts, p.pos-start)
		}
		p.pos++
	}
	text := p.src[start:p.pos]
	switch {
	case text == "":
		p.failUnexpected("a path")
	case len(text) > p.limits.MaxPath:
		p.fail(start, "path too long", "")
	case wild > maxWildcards:
		p.fail(start, "too many wildcards in one path", "")
	}
	return path{text: text, steps: p.components(start, text, parts), parts: parts}
}

// group skips a bracketed part of a path.
func (p *parser) group(depth int) {
	open := p.pos
	if depth == maxBrackets {
		p.fail(open, "brackets nested too deep", "")
	}
	closer := map[byte]byte{'(': ')', '[': ']', '{': '}'}[p.src[open]]
	p.pos++
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case '\\':
			p.pos += 2
		case '"':
			p.quoted()
		case '(', '[', '{':
			p.group(depth + 1)
		case closer:
			p.pos++
			return
		case ')', ']', '}':
			p.fail(p.pos, "'"+string(c)+"' does not match '"+string(p.src[open])+"'", "")
		case '@':
			p.at()
			p.pos++
		default:
			p.pos++
		}
	}
	p.failUnclosed()
}

// quoted skips a quoted string inside a path.
func (p *parser) quoted() {
	for p.pos++; p.pos < len(p.src); p.pos++ {
		switch p.src[p.pos] {
		case '\\':
			p.pos++
		case '@':
			p.at()
		case '"':
			p.pos++
			return
		}
	}
	p.failUnclosed()
}

// at refuses an @ in brackets or quotes where gjson may take it for a modifier:
// modifiers are shared by the process, and the cost of some has no bound. It
// reads on inside quotes when the data has a name that looks like a query.
func (p *parser) at() {
	if !isAlnum(p.src[p.pos-1]) {
		p.fail(p.pos, "modifiers are not supported", "")
	}
}

// components checks the parts of a path and returns it as gjson is to read it.
func (p *parser) components(start int, text string, parts []int) (steps []string) {
	var step strings.Builder
	from := 0
	for i := 0; i <= len(parts); i++ {
		end := len(text)
		if i < len(parts) {
			end = parts[i]
		}
		part := text[from:end]
		switch {
		case part == "" && end == 0 && strings.HasPrefix(text, "..") && len(text) > 2:
			// JSON Lines: the data is a sequence of values.
		case part == "" && from == 1 && strings.HasPrefix(text, ".."):
		case part == "":
			p.fail(start+from, "empty path component", `a filter needs a space before its '|'; write \. for a dot in a key`)
		case part[0] == '@' && (strings.Contains(part, ":") || isModifier(part[1:])):
			p.fail(start+from, "modifiers are not supported", "write \\"+part+" for a key")
		case i == len(parts) && i > 0 && text[from-1] == '|' && isFilterName(part):
			p.fail(start+from-1, "ambiguous '|"+part+"'", "write ' | "+part+"' for the filter, '."+part+"' for the key")
		}
		writeEscaped(&step, part)
		switch {
		case end < len(text) && text[end] == '|':
			steps = append(steps, step.String())
			step.Reset()
		case end < len(text):
			step.WriteByte(text[end])
		}
		from = end + 1
	}
	return append(steps, step.String())
}

// isModifier names gjson's own modifiers. Other names behind an @ are keys.
func isModifier(name string) bool {
	return slices.Contains([]string{
		"pretty", "dig", "reverse", "ugly", "this", "valid", "flatten", "join", "keys", "values", "tostr", "fromstr", "group",
	}, name)
}

// writeEscaped writes a component with every bare @ outside of brackets as a
// plain character of the key.
func writeEscaped(b *strings.Builder, part string) {
	depth := 0
	for i := 0; i < len(part); i++ {
		switch c := part[i]; c {
		case '\\':
			b.WriteByte(c)
			if i++; i < len(part) {
				b.WriteByte(part[i])
			}
			continue
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '@':
			if depth == 0 {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(part[i])
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Key returns name as one component of a path, so that {{ and Key(name) and }}
// address the member of that name, whatever characters it has. The empty name
// cannot be addressed; for it Key returns the empty string, which does not
// compile.
func Key(name string) string {
	plain := true
	for i := range len(name) {
		plain = plain && plainKeyByte(name[i])
	}
	if plain {
		return name
	}
	b := make([]byte, 0, 2*len(name))
	for i := range len(name) {
		if !plainKeyByte(name[i]) {
			b = append(b, '\\')
		}
		b = append(b, name[i])
	}
	return string(b)
}

func plainKeyByte(c byte) bool { return isAlnum(c) || c == '_' || c >= 0x80 }
