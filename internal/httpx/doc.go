// Package httpx holds the pieces of HTTP that several packages of the library
// share: the response recorder, the problem document of RFC 9457, the
// arithmetic of Retry-After, and the request body that is read once however
// many middlewares look at it.
package httpx
