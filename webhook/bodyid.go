package webhook

import "bytes"

// objectID returns the member "id" of a JSON object, or nothing. It stands near the
// begin, so the search ends there; a body is signed by who writes such an id, so
// nothing is validated that is not needed to find it.
func objectID(body []byte) string {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(body, i+1)
			if end < 0 || depth == 0 {
				return ""
			}
			if depth == 1 && string(body[i+1:end]) == "id" {
				if id, ok := memberValue(body[end+1:]); ok {
					return id
				}
			}
			i = end
		case ' ', '\t', '\r', '\n':
		default:
			if depth == 0 {
				return ""
			}
		}
	}
	return ""
}

// slackEventID returns the member "event_id" of an event, or nothing. It stands near
// the end, behind the event, so the search begins there.
func slackEventID(body []byte) string {
	body = bytes.TrimRight(body, " \t\r\n")
	if len(body) == 0 || body[0] != '{' || body[len(body)-1] != '}' {
		return "" // a form, of a command
	}
	depth := 0
	for i := len(body) - 1; i >= 0; i-- {
		switch body[i] {
		case '}', ']':
			depth++
		case '{', '[':
			depth--
		case '"':
			start := stringStart(body, i-1)
			if start < 0 {
				return ""
			}
			if depth == 1 && string(body[start+1:i]) == "event_id" {
				if id, ok := memberValue(body[i+1:]); ok {
					return id
				}
			}
			i = start
		default:
		}
	}
	return ""
}

// memberValue returns the string that follows a name, if that is what it is.
func memberValue(rest []byte) (string, bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(":"))
	if !ok {
		return "", false // a value
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
	if !ok {
		return "", false
	}
	end := stringEnd(rest, 0)
	if end < 0 || bytes.IndexByte(rest[:end], '\\') >= 0 || !isPlainID(rest[:end]) {
		return "", false
	}
	return string(rest[:end]), true
}

// stringEnd returns where the JSON string ends of which there is a part at from.
func stringEnd(b []byte, from int) int {
	for i := from; ; i++ {
		next := bytes.IndexByte(b[i:], '"')
		if next < 0 {
			return -1
		}
		end := i + next
		slashes := 0
		for slashes < end-from && b[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
		i = end
	}
}

// stringStart returns where the JSON string begins that has a part at from. What is
// before its first quote is no backslash, and what is before each other one is.
func stringStart(b []byte, from int) int {
	for i := from; i >= 0; {
		i = bytes.LastIndexByte(b[:i+1], '"')
		if i <= 0 || b[i-1] != '\\' {
			return i
		}
		i--
	}
	return -1
}
