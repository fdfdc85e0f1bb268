package webhook

import (
	"errors"
	"io"
	"net/http"

	"github.com/bracework/bracework/internal/httpx"
)

// Handler returns next behind the verifier. The method value fits any chain of
// func(http.Handler) http.Handler. Next finds the body as it was sent, and the
// [Delivery] in the context.
func (v *Verifier) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := v.admit(r)
		v.report(r.Context(), d, err)
		if err != nil {
			refuse(w, err)
			return
		}
		inner := r.WithContext(&requestContext{Context: r.Context(), delivery: d}) //nolint:contextcheck // it wraps the request's
		defer httpx.HandBack(r, inner)
		next.ServeHTTP(w, inner)
	})
}

// admit reads and proves r.
func (v *Verifier) admit(r *http.Request) (Delivery, error) {
	if r.ContentLength > v.cfg.MaxBody {
		return Delivery{}, httpx.ErrBodyTooLarge
	}
	c := v.claim()
	defer v.release(c)
	if err := v.read(r.Header, c); err != nil {
		return Delivery{}, v.measured(r, err)
	}
	body, err := httpx.ReadBody(r, v.cfg.MaxBody)
	if err != nil {
		if !errors.Is(err, httpx.ErrBodyTooLarge) {
			err = errBodyUnreadable
		}
		return Delivery{}, err
	}
	return v.proveRequest(c, r, body)
}

var errBodyUnreadable = errors.New("webhook: the body broke off")

// measured returns err, unless the body is too large, which comes first. Of a body
// whose headers are wrong nothing is kept: what announces its length has been
// judged, and the rest is counted.
func (v *Verifier) measured(r *http.Request, err error) error {
	if r.ContentLength >= 0 || r.Body == nil || v.cfg.MaxBody == noLimit {
		return err
	}
	n, readErr := io.Copy(io.Discard, io.LimitReader(r.Body, v.cfg.MaxBody+1))
	if _, cut := errors.AsType[*http.MaxBytesError](readErr); cut || n > v.cfg.MaxBody {
		return httpx.ErrBodyTooLarge
	}
	return err
}

// refuse answers in place of the handler. Every refusal for want of proof is the
// same, whatever was wrong.
func refuse(w http.ResponseWriter, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case errors.Is(err, httpx.ErrBodyTooLarge):
		httpx.WriteProblem(w, httpx.Problem{
			Type: httpx.ProblemBase + "request-body-too-large", Title: "Request body too large", Status: http.StatusRequestEntityTooLarge,
		})
	case errors.Is(err, errBodyUnreadable):
		httpx.WriteProblem(w, httpx.Problem{
			Type: httpx.ProblemBase + "request-body-unreadable", Title: "Request body unreadable", Status: http.StatusBadRequest,
		})
	default:
		h.Set("WWW-Authenticate", "Webhook-Signature") // RFC 9110 section 15.5.2 demands a challenge
		httpx.WriteProblem(w, httpx.Problem{
			Type: httpx.ProblemBase + "webhook-signature-invalid", Title: "Webhook signature invalid", Status: http.StatusUnauthorized,
			Detail: "The request was not proven to come from the sender. Nothing ran.",
		})
	}
}
