package template

// drain reads an array or object to its end, whatever it holds. It begins
// behind the opening bracket or, when begun, behind a member or item.
//
// The labels are the states of a machine. Its stack has one bit for each array
// or object that is open, so that the first 576 take no memory.
func (l *lexer) drain(i int, object, begun bool) int {
	var (
		data   = l.data
		wide   uint64
		buf    [8]uint64
		outer  = buf[:0] // kinds that were full
		kinds  uint64    // the lowest bit is the innermost; it is set for an object
		depth  = 1       // bits in kinds and outer
		opener byte
	)
	if object {
		kinds = 1
	}
	if begun {
		goto after
	}

open: // behind an opening bracket
	i = skipSpace(data, i)
	if i >= len(data) {
		return l.wrong(i)
	}
	if data[i] == bracket(kinds) {
		i++
		goto closed
	}
	if kinds&1 == 0 {
		goto value
	}

name: // where its quote must be
	if i >= len(data) || data[i] != '"' {
		return l.wrong(i)
	}
	if i, wide = skipPlain(data, i+1, wide); i < len(data) && data[i] == '"' {
		i++
		goto colon
	}
	if i = l.text(i); i < 0 {
		return i
	}

colon:
	if i = skipSpace(data, i); i >= len(data) || data[i] != ':' {
		return l.wrong(i)
	}
	i = skipSpace(data, i+1)

value: // where it must begin
	if i >= len(data) {
		return l.wrong(i)
	}
	switch c := data[i]; {
	case c == '"':
		if i, wide = skipPlain(data, i+1, wide); i < len(data) && data[i] == '"' {
			i++
			goto after
		}
		i = l.text(i)
	case c-'1' < 9:
		if i = skipDigits(data, i+1); i < len(data) && data[i] >= '.' {
			i = l.fraction(i)
		}
	case c == '-' || c == '0':
		i = l.number(i)
	case c == '{' || c == '[':
		opener = c
		goto nested
	default:
		i = l.word(i)
	}
	if i < 0 {
		return i
	}

after: // behind a value
	i = skipSpace(data, i)
	if i >= len(data) {
		return l.wrong(i)
	}
	if data[i] == ',' {
		i = skipSpace(data, i+1)
		if kinds&1 != 0 {
			goto name
		}
		goto value
	}
	if data[i] != bracket(kinds) {
		return l.wrong(i)
	}
	i++

closed: // behind a closing bracket
	kinds >>= 1
	depth--
	if depth&63 == 0 {
		if depth == 0 {
			l.wide |= wide
			return i
		}
		kinds = outer[len(outer)-1]
		outer = outer[:len(outer)-1]
	}
	goto after

nested: // at an opening bracket in a value's place
	if depth > l.room {
		return l.fail(i, msgDepth)
	}
	if depth&63 == 0 {
		outer = append(outer, kinds)
	}
	kinds = kinds<<1 | uint64(opener>>5&1)
	depth++
	i++
	goto open
}

// bracket closes the innermost of kinds.
func bracket(kinds uint64) byte { return ']' | byte(kinds&1)<<5 }
