package template

import (
	"slices"
	"strings"
)

// path is a path of gjson's syntax that has passed our checks.
type path struct {
	text  string // as written
	query string // for gjson: text, with unknown @names escaped to keys
	parts []int  // offsets of the separators at bracket depth 0
}

// modifiers are the ones of gjson whose output is bounded by their input.
// pretty grows with the square of the nesting, dig walks everything.
func allowedModifier(name string) bool {
	return slices.Contains([]string{"reverse", "ugly", "this", "valid", "flatten", "join", "keys", "values", "tostr", "fromstr", "group"}, name)
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
	return path{text: text, query: p.components(start, text, parts), parts: parts}
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
			if strings.IndexByte(".|,:({[ \t", p.src[p.pos-1]) >= 0 {
				p.modifier(p.pos, p.src[p.pos:])
			}
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
		case '"':
			p.pos++
			return
		}
	}
	p.failUnclosed()
}

// components checks the parts of a path and returns it as gjson is to read it.
func (p *parser) components(start int, text string, parts []int) string {
	var query strings.Builder
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
		case part[0] == '@':
			if !p.modifier(start+from, part) {
				query.WriteByte('\\') // gjson's modifiers are shared by the process: nobody may redefine this key
			}
		case i == len(parts) && i > 0 && text[from-1] == '|' && isFilterName(part):
			p.fail(start+from-1, "ambiguous '|"+part+"'", "write ' | "+part+"' for the filter, '."+part+"' for the key")
		}
		query.WriteString(part)
		if end < len(text) {
			query.WriteByte(text[end])
		}
		from = end + 1
	}
	return query.String()
}

// modifier reports whether text begins with a modifier that may be used. An
// unknown name without an argument is a key.
func (p *parser) modifier(at int, text string) bool {
	end := 1
	for end < len(text) && (isAlnum(text[end]) || text[end] == '_') {
		end++
	}
	name := text[1:end]
	arg := end < len(text) && text[end] == ':'
	switch {
	case allowedModifier(name):
		return true
	case name == "pretty" || name == "dig":
		p.fail(at, "modifier @"+name+" is not allowed", "write \\@"+name+" for a key")
	case arg:
		p.fail(at, "unknown modifier @"+name, "")
	}
	return false
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
