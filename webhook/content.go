package webhook

import (
	"errors"
	"fmt"
	"strings"
)

// content is what a scheme signs: the parts before the body, the body, and the
// parts behind it.
type content struct {
	before, after []part
	body          bool

	id, timestamp bool // they are among the parts
	ofRequest     bool // the method or the URL is
	// afterID is the text behind the id. An id that contained it could be cut at
	// another place.
	afterID string
}

type part struct {
	kind partKind
	text string // of partText
}

type partKind uint8

const (
	partText partKind = iota
	partID
	partTimestamp
	partMethod
	partURL
	partForm // of Twilio
	partBody
)

// message is a delivery as it is signed.
type message struct {
	id, timestamp string
	method, url   string
	form          []byte
	body          []byte
}

func (m *message) append(dst []byte, parts []part) []byte {
	for i := range parts {
		switch p := &parts[i]; p.kind {
		case partID:
			dst = append(dst, m.id...)
		case partTimestamp:
			dst = append(dst, m.timestamp...)
		case partMethod:
			dst = append(dst, m.method...)
		case partURL:
			dst = append(dst, m.url...)
		case partForm:
			dst = append(dst, m.form...)
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// appendTo appends all that is signed of m.
func (c *content) appendTo(dst []byte, m *message) []byte {
	dst = m.append(dst, c.before)
	if c.body {
		dst = append(dst, m.body...)
	}
	return m.append(dst, c.after)
}

// parseContent reads a template such as "{id}.{timestamp}.{body}".
func parseContent(template string) (content, error) {
	var c content
	seen := map[partKind]bool{}
	for rest := template; rest != ""; {
		p, behind, err := nextPart(rest)
		if err != nil {
			return content{}, err
		}
		if p.kind != partText && seen[p.kind] {
			return content{}, fmt.Errorf("webhook: Custom.Content has %s twice", rest[:len(rest)-len(behind)])
		}
		seen[p.kind] = true
		rest = behind
		switch {
		case p.kind == partBody:
			c.body = true
		case c.body:
			c.after = append(c.after, p)
		default:
			c.before = append(c.before, p)
		}
		if p.kind == partID {
			c.afterID, _, _ = strings.Cut(rest, "{")
		}
	}
	if !c.body {
		return content{}, errors.New("webhook: Custom.Content lacks {body}")
	}
	c.id, c.timestamp = seen[partID], seen[partTimestamp]
	c.ofRequest = seen[partMethod] || seen[partURL]
	return c, nil
}

func nextPart(s string) (p part, rest string, err error) {
	if s[0] != '{' {
		end := strings.IndexByte(s, '{')
		if end < 0 {
			end = len(s)
		}
		if strings.Contains(s[:end], "}") {
			return part{}, "", errors.New("webhook: Custom.Content has a } without its {")
		}
		return part{text: s[:end]}, s[end:], nil
	}
	end := strings.IndexByte(s, '}') + 1 // of nothing, if there is none
	switch s[:end] {
	case "{id}":
		p.kind = partID
	case "{timestamp}":
		p.kind = partTimestamp
	case "{method}":
		p.kind = partMethod
	case "{url}":
		p.kind = partURL
	case "{body}":
		p.kind = partBody
	default:
		return part{}, "", errors.New("webhook: Custom.Content has a { that begins none of {id}, {timestamp}, {method}, {url} and {body}")
	}
	return p, s[end:], nil
}

// mustContent is parseContent of a template of this package.
func mustContent(template string) content {
	c, err := parseContent(template)
	if err != nil {
		panic(err)
	}
	return c
}
