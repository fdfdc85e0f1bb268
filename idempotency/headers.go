package idempotency

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// replaceHeader makes dst equal to src.
func replaceHeader(dst, src http.Header) {
	clear(dst)
	maps.Copy(dst, src)
}

// changedHeader returns what the handler has set: the headers of sent that
// differ from entry and may be stored.
func changedHeader(entry, sent http.Header) http.Header {
	changed := make(http.Header, len(sent))
	hop := listed(sent, "Connection")
	trailers := listed(sent, "Trailer")
	for name, values := range sent {
		if len(values) == 0 || neverStored(name) || hop[name] || trailers[name] || slices.Equal(values, entry[name]) {
			continue
		}
		changed[name] = values
	}
	return changed
}

// neverStored reports whether a header belongs to one message and not to the
// result: Set-Cookie is for one client, the hop-by-hop fields of RFC 9110
// section 7.6.1 for one connection, Date and Content-Length for one sending.
func neverStored(name string) bool {
	switch name {
	case "Set-Cookie", "Date", "Content-Length", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
		"Proxy-Authentication-Info", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return strings.HasPrefix(name, http.TrailerPrefix)
}

// listed returns the field names that a header lists.
func listed(h http.Header, name string) map[string]bool {
	if len(h[name]) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, line := range h[name] {
		for item := range strings.SplitSeq(line, ",") {
			names[textproto.CanonicalMIMEHeaderKey(strings.Trim(item, " \t"))] = true
		}
	}
	return names
}

// trailerOf returns the trailers of a response: those that sent declares, and
// those under [http.TrailerPrefix], with their values in header.
func trailerOf(sent, header http.Header) http.Header {
	var trailer http.Header
	add := func(name string, values []string) {
		if len(values) > 0 {
			if trailer == nil {
				trailer = http.Header{}
			}
			trailer[name] = values
		}
	}
	for name := range listed(sent, "Trailer") {
		add(name, header[name])
	}
	for name, values := range header {
		if rest, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(rest, values)
		}
	}
	return trailer
}

func (m *Middleware) replay(w http.ResponseWriter, r *http.Request, resp *response) {
	h := w.Header()
	for name, values := range resp.header {
		if name == "Vary" {
			mergeVary(h, values)
		} else {
			h[name] = values
		}
	}
	h.Set(m.cfg.ReplayHeader, "true")
	if _, set := h["Content-Type"]; !set {
		h["Content-Type"] = nil // the handler suppressed it; net/http must not guess now
	}
	body := bodyAllowed(resp.status) && r.Method != http.MethodHead
	if body && len(resp.trailer) == 0 {
		h.Set("Content-Length", strconv.Itoa(len(resp.body)))
	}
	for name := range resp.trailer {
		h.Add("Trailer", name)
	}
	w.WriteHeader(resp.status)
	if body && len(resp.body) > 0 {
		_, _ = w.Write(resp.body)
	}
	maps.Copy(h, resp.trailer)
}

// mergeVary adds to Vary what outer layers have not set already.
func mergeVary(h http.Header, values []string) {
	have := listed(h, "Vary")
	for _, line := range values {
		for item := range strings.SplitSeq(line, ",") {
			item = strings.Trim(item, " \t")
			if item != "" && !have[textproto.CanonicalMIMEHeaderKey(item)] {
				h.Add("Vary", item)
			}
		}
	}
}
