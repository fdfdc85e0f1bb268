package idempotency_test

import (
	"bytes"
	"net/http"
)

// reused posts one request to one writer again and again, so that what it costs
// itself is little.
type reused struct {
	*service

	r    *http.Request
	body requestBody
	key  []string
	w    writer
}

func newReused(wrap middleware) exchange {
	r, err := http.NewRequest(http.MethodPost, "/charges", nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.ContentLength = int64(len(payload))
	return &reused{service: newService(wrap), r: r, key: make([]string, 1), w: writer{header: http.Header{}}}
}

func (x *reused) post(key string) {
	if key == "" {
		delete(x.r.Header, keyHeader)
	} else {
		x.key[0] = key
		x.r.Header[keyHeader] = x.key
	}
	x.body.reset()
	x.r.Body = &x.body // a middleware may have put another in its place
	x.w.reset()
	x.ServeHTTP(&x.w, x.r)
}

func (x *reused) answer() answer {
	return answer{x.w.status, x.w.header.Get("Content-Type"), x.w.header.Get(ownHeader), string(x.w.body)}
}

type requestBody struct{ bytes.Reader }

func (b *requestBody) reset()     { b.Reset(payloadBytes) }
func (*requestBody) Close() error { return nil }

var payloadBytes = []byte(payload)

// writer copies what is written, as a connection's buffer does.
type writer struct {
	header http.Header
	status int
	body   []byte
}

func (w *writer) reset() {
	clear(w.header)
	w.status, w.body = 0, w.body[:0]
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(code int) {
	if w.status == 0 {
		w.status = code
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}
