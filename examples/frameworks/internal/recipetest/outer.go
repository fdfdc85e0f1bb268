package recipetest

import (
	"cmp"
	"net/http"
)

// Outer is a logger, which reports to log, around a recovery, for net/http,
// which has none.
func Outer(log func(status int)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &recorder{ResponseWriter: w}
			defer func() {
				switch v := recover(); v {
				case nil:
				case http.ErrAbortHandler:
					panic(v)
				default:
					http.Error(rec, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				}
				log(rec.status)
			}()
			next.ServeHTTP(rec, r)
		})
	}
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (rec *recorder) WriteHeader(code int) {
	rec.note(code)
	rec.ResponseWriter.WriteHeader(code)
}

func (rec *recorder) Write(p []byte) (int, error) {
	rec.note(http.StatusOK)
	return rec.ResponseWriter.Write(p)
}

func (rec *recorder) Flush() {
	rec.note(http.StatusOK)
	_ = http.NewResponseController(rec.ResponseWriter).Flush()
}

func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) note(code int) { rec.status = cmp.Or(rec.status, code) }
