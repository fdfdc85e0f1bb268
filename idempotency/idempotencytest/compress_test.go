package idempotencytest_test

import (
	"compress/gzip"
	"net/http"
	"strings"
)

// compressed compresses what next answers, for clients that accept it.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w}
		next.ServeHTTP(c, r)
		c.end() // not after a panic
	})
}

type compressor struct {
	http.ResponseWriter
	status int
	gz     *gzip.Writer
}

func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *compressor) WriteHeader(code int) {
	if code < 200 {
		c.ResponseWriter.WriteHeader(code)
		return
	}
	if c.status == 0 {
		c.status = code
	}
}

// begin sends the header, now that a body follows.
func (c *compressor) begin() {
	if c.gz != nil {
		return
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	c.Header().Del("Content-Length")
	c.Header().Set("Content-Encoding", "gzip")
	c.ResponseWriter.WriteHeader(c.status)
	c.gz = gzip.NewWriter(c.ResponseWriter)
}

func (c *compressor) Write(p []byte) (int, error) {
	c.begin()
	return c.gz.Write(p)
}

func (c *compressor) FlushError() error {
	c.begin()
	if err := c.gz.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

func (c *compressor) end() {
	if c.gz != nil {
		_ = c.gz.Close()
	} else if c.status != 0 {
		c.ResponseWriter.WriteHeader(c.status)
	}
}
