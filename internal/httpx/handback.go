package httpx

import "net/http"

// HandBack gives outer what next has learned about inner, its copy with another
// context: the route that matched, for layers outside that report it, and the
// form, whose files net/http removes only from the request that it made. Call it
// deferred, so that a panic leaves no file behind.
func HandBack(outer, inner *http.Request) {
	if inner.Pattern != "" {
		outer.Pattern = inner.Pattern
	}
	if outer.MultipartForm == nil {
		outer.MultipartForm = inner.MultipartForm
	}
}
