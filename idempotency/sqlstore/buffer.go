package sqlstore

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// buffer holds back the response to an unkeyed request.
type buffer struct {
	w      http.ResponseWriter
	header http.Header
	status int
	sent   http.Header // header at WriteHeader
	body   []byte
}

func newBuffer(w http.ResponseWriter) *buffer {
	header := w.Header().Clone()
	if header == nil {
		header = http.Header{}
	}
	return &buffer{w: w, header: header}
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	switch {
	case status < 100 || status > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", status)) // as net/http does, and before the commit
	case b.status == 0 && status >= 200:
		b.status, b.sent = status, b.header.Clone()
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.WriteHeader(http.StatusOK)
	}
	b.body = append(b.body, p...)
	return len(p), nil
}

func (b *buffer) send() {
	if b.status == 0 {
		b.WriteHeader(http.StatusOK)
	}
	h := b.w.Header()
	clear(h)
	maps.Copy(h, b.sent)
	b.w.WriteHeader(b.status)
	if len(b.body) > 0 {
		_, _ = b.w.Write(b.body)
	}
	for name, values := range b.header { // trailers, declared or not; others have left
		if _, sent := b.sent[name]; !sent || strings.HasPrefix(name, http.TrailerPrefix) {
			h[name] = values
		}
	}
}
