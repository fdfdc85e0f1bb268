package logging

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
)

type requestKey struct{}

// request is what AccessLog keeps of a request while it is served.
type request struct {
	id string

	mu    sync.Mutex
	attrs []slog.Attr // replaced, never changed
}

func requestOf(ctx context.Context) *request {
	req, _ := ctx.Value(requestKey{}).(*request)
	return req
}

func (req *request) added() []slog.Attr {
	req.mu.Lock()
	defer req.mu.Unlock()
	return req.attrs
}

// RequestID is the id that [AccessLog] gave the request of ctx, to be sent along
// to other services. It is empty outside of one.
func RequestID(ctx context.Context) string {
	if req := requestOf(ctx); req != nil {
		return req.id
	}
	return ""
}

// maxRequestID is the length of the longest id that is accepted.
const maxRequestID = 128

// requestID is the id that the client sent, if it is fit to be repeated in logs
// and headers, or a new one of 32 hexadecimal digits.
func requestID(header http.Header, name string, ignore bool) string {
	if sent := header.Values(name); !ignore && len(sent) == 1 && validRequestID(sent[0]) {
		return sent[0]
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

func validRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case alphanumeric(c), c == '-', c == '_', c == '.', c == ':', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}
