package idempotency

import (
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// refusal is an answer of the middleware itself.
type refusal struct {
	outcome    Outcome
	status     int
	anchor     string
	title      string
	detail     string
	retryAfter time.Duration
}

// busyRetryAfter is short on purpose: the lease is renewed while the other
// attempt runs, so what is left of it says nothing about when it ends.
const busyRetryAfter = time.Second

// storeRetryAfter is what a client should wait when the store is down.
const storeRetryAfter = 5 * time.Second

func refuseKeyMissing() *refusal {
	return &refusal{
		OutcomeKeyMissing, http.StatusBadRequest, "idempotency-key-missing", "Idempotency key missing",
		"Send a unique key with this request, and the same key with each retry of it.", 0,
	}
}

func refuseKeyInvalid() *refusal {
	return &refusal{
		OutcomeKeyInvalid, http.StatusBadRequest, "idempotency-key-invalid", "Idempotency key invalid",
		"Send one key of printable ASCII characters, not longer than documented; one with space, comma or quote as a quoted string.", 0,
	}
}

func refuseScope() *refusal {
	return &refusal{
		OutcomeScopeRefused, http.StatusForbidden, "idempotency-scope-unknown", "Idempotency scope unknown",
		"The caller to whom the key belongs could not be determined.", 0,
	}
}

func refuseBodyTooLarge() *refusal {
	return &refusal{
		OutcomeBodyTooLarge, http.StatusRequestEntityTooLarge, "request-body-too-large", "Request body too large",
		"", 0,
	}
}

func refuseBodyInvalid() *refusal {
	return &refusal{
		OutcomeBodyInvalid, http.StatusBadRequest, "request-body-unreadable", "Request body unreadable",
		"", 0,
	}
}

func refuseMismatch() *refusal {
	return &refusal{
		OutcomeMismatch, http.StatusUnprocessableEntity, "idempotency-key-reused", "Idempotency key reused",
		"The key was used with a different request. Use a new key for a new request.", 0,
	}
}

func refuseInFlight() *refusal {
	return &refusal{
		OutcomeInFlight, http.StatusConflict, "idempotency-request-in-flight", "Request in flight",
		"A request with this key is being processed. Retry later with the same key.", busyRetryAfter,
	}
}

func refuseNoReplay() *refusal {
	return &refusal{
		OutcomeNoReplay, http.StatusConflict, "idempotency-response-unavailable", "Response no longer available",
		"A request with this key was processed; its response was not kept. Do not repeat it under a new key; look up its result.", 0,
	}
}

func refuseRolledBack() *refusal {
	return &refusal{
		OutcomeRolledBack, http.StatusInternalServerError, "idempotency-transaction-failed", "Transaction failed",
		"The request was rolled back. Retry with the same key.", busyRetryAfter,
	}
}

func refuseInDoubt() *refusal {
	return &refusal{
		OutcomeInDoubt, http.StatusServiceUnavailable, "idempotency-transaction-in-doubt", "Transaction in doubt",
		"Whether the request was processed is not known yet. Retry with the same key: it is not processed twice.", storeRetryAfter,
	}
}

func refuseStoreDown() *refusal {
	return &refusal{
		OutcomeStoreDown, http.StatusServiceUnavailable, "idempotency-store-unavailable", "Idempotency store unavailable",
		"The request was not processed. Retry later with the same key.", storeRetryAfter,
	}
}

func (m *Middleware) refuse(w http.ResponseWriter, ref *refusal) int {
	doc := httpx.ProblemBase
	if m.cfg.DocURL != "" {
		doc = m.cfg.DocURL + "#"
	}
	h := w.Header()
	h.Add("Link", "<"+doc+ref.anchor+`>; rel="describedby"; type="text/html"`)
	if ref.retryAfter > 0 {
		httpx.SetRetryAfter(h, ref.retryAfter)
	}
	httpx.WriteProblem(w, httpx.Problem{Type: doc + ref.anchor, Title: ref.title, Status: ref.status, Detail: ref.detail})
	return ref.status
}
