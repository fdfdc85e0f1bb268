package idempotency_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
)

// recorded makes a request and a recorder for each post, as benchmarks of
// middlewares mostly do. Most of the floor is httptest's own cost.
type recorded struct {
	*service

	w *httptest.ResponseRecorder
}

func newRecorded(wrap middleware) exchange { return &recorded{service: newService(wrap)} }

func (x *recorded) post(key string) {
	r := httptest.NewRequest(http.MethodPost, "/charges", strings.NewReader(payload))
	r.Header.Set("Content-Type", contentType)
	if key != "" {
		r.Header.Set(keyHeader, key)
	}
	x.w = httptest.NewRecorder()
	x.ServeHTTP(x.w, r)
}

func (x *recorded) answer() answer {
	h := x.w.Header()
	return answer{x.w.Code, h.Get("Content-Type"), h.Get(ownHeader), x.w.Body.String()}
}
