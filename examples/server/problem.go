package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// problemBase is the page of the library's problem types; the server's own are
// listed there too.
const problemBase = "https://github.com/bracework/bracework/blob/main/docs/problems.md#"

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string   `json:"type"`
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail,omitempty"`
	Paths  []string `json:"paths,omitempty"`
}

func (p problem) write(w http.ResponseWriter) {
	p.Type = problemBase + p.Type
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	problem{Type: "not-found", Title: "Not found", Status: http.StatusNotFound}.write(w)
}

// only answers 405 to every method but the given ones.
func only(next http.Handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		problem{Type: "method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed}.write(w)
	})
}

// maxBody refuses a body over limit: at once when its length is announced, else
// when the reader gets there.
func maxBody(next http.Handler, limit int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			bodyTooLarge(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

func bodyTooLarge(w http.ResponseWriter) {
	problem{Type: "request-body-too-large", Title: "Request body too large", Status: http.StatusRequestEntityTooLarge}.write(w)
}
