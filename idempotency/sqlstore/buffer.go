package sqlstore

import (
	"maps"
	"net/http"
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
	if b.status != 0 || status >= 100 && status < 200 {
		return
	}
	b.status, b.sent = status, b.header.Clone()
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	b.body = append(b.body, p...)
	return len(p), nil
}

func (b *buffer) send() {
	b.WriteHeader(http.StatusOK)
	h := b.w.Header()
	clear(h)
	maps.Copy(h, b.sent)
	b.w.WriteHeader(b.status)
	if len(b.body) > 0 {
		_, _ = b.w.Write(b.body)
	}
}
