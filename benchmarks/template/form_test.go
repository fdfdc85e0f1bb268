package template_test

import (
	"fmt"
	"strconv"
	"strings"
)

// form is a template in nobody's syntax.
type form struct {
	fields []field
	tail   string
}

type field struct {
	before, path string
	typed        bool // in a document: the value itself, and not its text in a string
}

func (f form) write(tag func(field) string) string {
	var b strings.Builder
	for _, x := range f.fields {
		b.WriteString(x.before + tag(x))
	}
	return b.String() + f.tail
}

// indexed says that a path goes into an array.
func (f form) indexed() bool {
	for _, x := range f.fields {
		for part := range strings.SplitSeq(x.path, ".") {
			if index(part) || part == "#" {
				return true
			}
		}
	}
	return false
}

func index(part string) bool {
	_, err := strconv.Atoi(part)
	return err == nil
}

func bracework(x field) string {
	if x.typed {
		return `"{{` + x.path + `}}"`
	}
	return "{{" + x.path + "}}"
}

func mustacheTag(x field) string { return "{{{" + x.path + "}}}" }

func raymondTag(x field) string {
	parts := strings.Split(x.path, ".")
	for i, part := range parts {
		switch {
		case index(part):
			parts[i] = "[" + part + "]"
		case part == "#":
			parts[i] = "length"
		}
	}
	return "{{{" + strings.Join(parts, ".") + "}}}"
}

func liquidTag(x field) string {
	var b strings.Builder
	for part := range strings.SplitSeq(x.path, ".") {
		switch {
		case index(part):
			b.WriteString("[" + part + "]")
		case part == "#":
			b.WriteString(".size")
		default:
			b.WriteString("." + part)
		}
	}
	return "{{ " + b.String()[1:] + " }}"
}

// goPath is the operand for text/template; a missing member at its end is nil.
func goPath(path string) string {
	expr := ""
	for part := range strings.SplitSeq(path, ".") {
		switch {
		case index(part):
			expr = fmt.Sprintf("(index %s %s)", expr, part)
		case part == "#":
			expr = "(len " + expr + ")"
		default:
			expr += "." + part
		}
	}
	return expr
}

func goTag(x field) string { return "{{" + goPath(x.path) + "}}" }

// goTagOrNothing renders nothing for nil, where text/template says <no value>.
func goTagOrNothing(x field) string { return "{{or " + goPath(x.path) + ` ""}}` }

// listing has one line for each path.
func listing(paths ...string) form {
	var f form
	for _, path := range paths {
		f.fields = append(f.fields, field{before: "\n- " + path + ": ", path: path})
	}
	return f
}

func logins(n int) form {
	var paths []string
	for i := range n {
		paths = append(paths, fmt.Sprintf("k%d.user.login", i))
	}
	return listing(paths...)
}

// block is a message in Slack's Block Kit with ten leaves, three of them typed.
func block() form {
	return form{fields: []field{
		{before: `{"channel":"`, path: "channel"},
		{before: `","blocks":[{"type":"header","text":{"type":"plain_text","text":"Order `, path: "order.id"},
		{before: `"}},{"type":"section","fields":[{"type":"mrkdwn","text":"`, path: "customer.name"},
		{before: `"},{"type":"mrkdwn","text":"`, path: "customer.email"},
		{before: `"},{"type":"mrkdwn","text":"in `, path: "customer.city"},
		{before: `"}]},{"type":"context","elements":[{"type":"mrkdwn","text":"Note: `, path: "order.note"},
		{before: `"}]},{"type":"actions","elements":[{"type":"button","url":"`, path: "links.order"},
		{before: `"}]}],"metadata":{"event_type":"order","event_payload":{"total":`, path: "order.total", typed: true},
		{before: `,"express":`, path: "order.express", typed: true},
		{before: `,"labels":`, path: "order.labels", typed: true},
	}, tail: `}}}`}
}
