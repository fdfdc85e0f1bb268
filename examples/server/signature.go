package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bracework/bracework/webhook"
)

// signature says how the sender of a workflow's webhooks signs them.
type signature struct {
	Scheme  string   `json:"scheme"`
	Secrets []string `json:"secrets"` // several while one is being replaced
	URL     string   `json:"url"`     // the address that the sender calls, for twilio
}

// parseSignatures reads WEBHOOK_SECRETS. Its error repeats nothing of it.
func parseSignatures(v string) (map[string]signature, error) {
	if v == "" {
		return nil, nil //nolint:nilnil // no workflow has a sender who signs
	}
	var all map[string]signature
	if err := json.Unmarshal([]byte(v), &all); err != nil {
		return nil, errors.New(`want JSON such as {"wf_github_push":{"scheme":"github","secrets":["..."]}}`)
	}
	return all, nil
}

func schemeOf(name string) (webhook.Scheme, error) {
	for _, s := range []webhook.Scheme{
		webhook.StandardWebhooks, webhook.Svix, webhook.Slack, webhook.GitHub, webhook.Stripe, webhook.Shopify, webhook.Discord, webhook.Twilio,
	} {
		if s.String() == name {
			return s, nil
		}
	}
	return nil, errors.New("unknown scheme")
}

// openVerifiers makes the verifiers of the workflows whose senders sign.
func (a *app) openVerifiers() error {
	a.verifiers = map[string]*webhook.Verifier{}
	for id, s := range a.cfg.signatures {
		if a.workflows[id] == nil {
			return fmt.Errorf("WEBHOOK_SECRETS: no workflow %q", id)
		}
		scheme, err := schemeOf(s.Scheme)
		if err != nil {
			return fmt.Errorf("WEBHOOK_SECRETS: workflow %s: %w", id, err)
		}
		if a.verifiers[id], err = webhook.New(scheme, s.Secrets, webhook.Config{MaxBody: maxWebhookBody, URL: s.URL, Logger: a.log}); err != nil {
			return fmt.Errorf("WEBHOOK_SECRETS: workflow %s: %w", id, err)
		}
	}
	return nil
}

// proven passes on what is proven to come from the workflow's sender, where that is
// known to sign. It stands outside of the limiter: a forgery costs the tenant
// nothing.
func (a *app) proven(next http.Handler) http.Handler {
	handlers := map[string]http.Handler{}
	for id, v := range a.verifiers {
		handlers[id] = v.Handler(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wf := workflowOf(r); wf != nil && handlers[wf.ID] != nil {
			handlers[wf.ID].ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// runOnce runs a signed delivery once by its id, and another request by the key
// that it carries.
func (a *app) runOnce(next http.Handler) http.Handler {
	byDelivery, byKey := a.onceDelivered.Handler(next), a.once.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := webhook.FromContext(r.Context()); ok {
			byDelivery.ServeHTTP(w, r)
			return
		}
		byKey.ServeHTTP(w, r)
	})
}

// sameDelivery tells deliveries apart by their id alone: senders change details of
// the body when they send one again.
func sameDelivery(r *http.Request, _ []byte) ([]byte, error) {
	id, err := webhook.DeliveryID(r)
	return []byte(id), err
}
