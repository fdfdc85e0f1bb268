package idempotency

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// fields is a header as it was at one moment. It costs two allocations where a
// clone of an [http.Header] costs three or more.
type fields []field

type field struct {
	name   string
	values []string
}

// snapshot leaves room for some headers more.
func snapshot(h http.Header, more int) fields {
	if len(h) == 0 {
		return nil
	}
	n := 0
	for _, values := range h {
		n += len(values)
	}
	f, lines := make(fields, 0, len(h)+more), make([]string, 0, n)
	for name, values := range h {
		start := len(lines)
		lines = append(lines, values...)
		if values != nil { // nil suppresses a header that net/http would add
			values = lines[start:len(lines):len(lines)]
		}
		f = append(f, field{name, values})
	}
	return f
}

// restore makes h what it was.
func (f fields) restore(h http.Header) {
	clear(h)
	for _, line := range f {
		h[line.name] = line.values
	}
}

func (f fields) get(name string) (values []string, ok bool) {
	for _, line := range f {
		if line.name == name {
			return line.values, true
		}
	}
	return nil, false
}

// first returns the first value of a header, or "".
func (f fields) first(name string) string {
	if values, _ := f.get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// set sets a header.
func (f fields) set(name string, values ...string) fields {
	for i := range f {
		if f[i].name == name {
			f[i].values = values
			return f
		}
	}
	return append(f, field{name, values})
}

// appendHandlerHeader appends what the handler has set: the headers of sent
// that differ from entry and belong to the result.
func appendHandlerHeader(dst, entry, sent fields) fields {
	connection, _ := sent.get("Connection")
	declared, _ := sent.get("Trailer")
	hop, trailers := listed(connection), listed(declared)
	for _, line := range sent {
		before, _ := entry.get(line.name)
		if len(line.values) == 0 || neverStored(line.name) || hop[line.name] || trailers[line.name] ||
			slices.Equal(line.values, before) {
			continue
		}
		dst = append(dst, line)
	}
	return dst
}

// neverStored reports whether a header belongs to one message and not to the
// result: Set-Cookie is for one client, the hop-by-hop fields of RFC 9110
// section 7.6.1 for one connection, Date and Content-Length for one sending.
func neverStored(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Set-Cookie", "Date", "Content-Length", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
		"Proxy-Authentication-Info", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, http.TrailerPrefix)
}

// listed returns the field names in the lines of a header that is a list.
func listed(lines []string) map[string]bool {
	if len(lines) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			names[textproto.CanonicalMIMEHeaderKey(strings.Trim(item, " \t"))] = true
		}
	}
	return names
}

// trailerOf returns the trailers of a response: those that it has declared, and
// those under [http.TrailerPrefix], with their values in h.
func trailerOf(declared map[string]bool, h http.Header) fields {
	var trailer fields
	for name, values := range h {
		rest, prefixed := strings.CutPrefix(name, http.TrailerPrefix)
		if len(values) > 0 && (prefixed || declared[name]) {
			trailer = append(trailer, field{rest, slices.Clone(values)})
		}
	}
	return trailer
}

// mergeVary adds to Vary what outer layers have not set already.
func mergeVary(h http.Header, values []string) {
	have := listed(h["Vary"])
	for _, line := range values {
		for item := range strings.SplitSeq(line, ",") {
			item = strings.Trim(item, " \t")
			if item != "" && !have[textproto.CanonicalMIMEHeaderKey(item)] {
				h.Add("Vary", item)
			}
		}
	}
}
