package logging

// mask is what is written in place of a secret.
const mask = "***"

// text writes s as a JSON string without the secrets that can be told from
// their surroundings.
func (l *line) text(s string) {
	if len(s) > 1 && l.jsonText(s) {
		return
	}
	l.buf = append(l.buf, '"')
	l.inside(s)
	l.buf = append(l.buf, '"')
}

// minNamed is the length of the shortest name that can contain a secret that is
// told by its form.
const minNamed = 12

// name writes s as the beginning of a member.
func (l *line) name(s string) {
	l.buf = append(l.buf, '"')
	if len(s) < minNamed {
		l.buf = appendEscaped(l.buf, s)
	} else {
		l.inside(s)
	}
}

// inside writes s as the inside of a JSON string.
func (l *line) inside(s string) {
	if l.unmasked {
		l.buf = appendEscaped(l.buf, s)
		return
	}
	start, end := l.scan.next(s, 0)
	if start < end && l.hasLiteral(s) {
		l.insideBoth(s)
		return
	}
	done := 0
	for start < end {
		l.replace(s[done:start])
		done = end
		start, end = l.scan.next(s, done)
	}
	l.buf = appendEscaped(l.buf, s[done:])
}

func (l *line) replace(before string) {
	l.hits++
	l.buf = appendEscaped(l.buf, before)
	l.buf = append(l.buf, mask...)
}

func (l *line) hasLiteral(s string) bool {
	switch {
	case l.literals == nil:
		return false
	case !l.literals.escaped:
		return contains(l.literals, s)
	}
	size := len(l.buf)
	l.buf = appendEscaped(l.buf, s)
	found := l.literals.in(l.buf[size:])
	l.buf = l.buf[:size]
	return found
}

// insideBoth is inside for a text with a literal and a secret that is told by its
// form. Of a literal only a part may be such a secret, and the rest would be found
// no more, so the literals in such a text are masked now.
func (l *line) insideBoth(s string) {
	spans := l.literals.spans(s)
	for done := 0; ; {
		start, end := l.scan.next(s, done)
		if start >= end {
			break
		}
		spans = append(spans, span{start, end})
		done = end
	}
	done := 0
	for _, found := range joined(ordered(spans)) {
		l.replace(s[done:found.start])
		done = found.end
	}
	l.buf = appendEscaped(l.buf, s[done:])
}

// secretIn reports whether a part of s is to be masked.
func (l *line) secretIn(s string) bool {
	if l.unmasked {
		return false
	}
	start, end := l.scan.next(s, 0)
	return start < end || l.hasLiteral(s)
}

// jsonText writes s when it is a JSON object or array in which something is to
// be masked. It stays a string.
func (l *line) jsonText(s string) bool {
	if l.unmasked {
		return false
	}
	switch s[0] {
	case '{', '[', ' ', '\t', '\r', '\n':
	default:
		return false
	}
	b := []byte(s)
	if !jsonDocument(b) {
		return false
	}
	size, hits, quote := len(l.buf), l.hits, l.quote
	l.quote = false
	l.json(b)
	l.quote = quote
	document := l.buf[size:]
	if l.literals != nil && l.literals.in(document) {
		document = l.literals.redact(document, 0)
		l.hits++
	}
	masked := string(document)
	l.buf = l.buf[:size]
	if l.hits == hits {
		return false
	}
	l.buf = append(l.buf, '"')
	l.buf = appendEscaped(l.buf, masked)
	l.buf = append(l.buf, '"')
	return true
}
