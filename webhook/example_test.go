package webhook_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/webhook"
)

func Example() {
	v, err := webhook.New(webhook.GitHub, []string{"It's a Secret to Everybody"}, webhook.Config{})
	if err != nil {
		panic(err)
	}
	h := v.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d, _ := webhook.FromContext(r.Context())
		fmt.Printf("%s from %s\n", body, d.Scheme)
	}))

	for _, body := range []string{"Hello, World!", "Hello, Mallory!"} {
		r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// Hello, World! from github
	// 200
	// 401
}

// A delivery that is sent again is answered with the first one's response, and
// runs once.
func ExampleDeliveryID() {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	v, err := webhook.New(webhook.StandardWebhooks, secrets, webhook.Config{})
	if err != nil {
		panic(err)
	}
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	defer store.Close()
	once, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{KeyFunc: webhook.DeliveryID})
	if err != nil {
		panic(err)
	}
	defer once.Close()
	h := v.Handler(once.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := webhook.DeliveryID(r)
		fmt.Println("running", id)
		w.WriteHeader(http.StatusNoContent)
	})))

	s, err := webhook.NewSigner(webhook.StandardWebhooks, secrets)
	if err != nil {
		panic(err)
	}
	for range 2 {
		body := []byte(`{"type":"invoice.paid"}`)
		r := httptest.NewRequest(http.MethodPost, "/hooks", bytes.NewReader(body))
		if err := s.Sign(r.Header, "msg_1", time.Now(), body); err != nil {
			panic(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d replay=%q\n", w.Code, w.Header().Get("X-Idempotency-Replay"))
	}
	// Output:
	// running msg_1
	// 204 replay=""
	// 204 replay="true"
}

// While a secret is replaced, the receiver takes both, and the sender signs with
// both: neither has to hurry.
func ExampleNew_rotation() {
	old, next := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	sender, err := webhook.NewSigner(webhook.StandardWebhooks, []string{next, old})
	if err != nil {
		panic(err)
	}
	body := []byte(`{"type":"invoice.paid"}`)
	header := http.Header{}
	if err := sender.Sign(header, "msg_1", time.Now(), body); err != nil {
		panic(err)
	}
	fmt.Println("signatures:", len(strings.Fields(header.Get("Webhook-Signature"))))
	for _, secrets := range [][]string{{old}, {old, next}, {next}} {
		receiver, err := webhook.New(webhook.StandardWebhooks, secrets, webhook.Config{})
		if err != nil {
			panic(err)
		}
		d, err := receiver.Verify(header, body)
		fmt.Println(d.ID, d.Secret, err)
	}
	// Output:
	// signatures: 2
	// msg_1 0 <nil>
	// msg_1 0 <nil>
	// msg_1 0 <nil>
}

// The scheme of a vendor for whom there is no preset.
func ExampleCustom() {
	paddle := webhook.Custom{
		Name:            "paddle",
		SignatureHeader: "Paddle-Signature",
		Separator:       ";",
		TimestampTag:    "ts=",
		Prefix:          "h1=",
		Content:         "{timestamp}:{body}",
	}
	v, err := webhook.New(paddle, []string{"pdl_ntfset_01hqh6hqx5qgzk52"}, webhook.Config{Tolerance: 5 * time.Second})
	if err != nil {
		panic(err)
	}
	_, err = v.Verify(http.Header{"Paddle-Signature": {"ts=1671552777;h1=eb4d0dc8853be92b7f063b9f3ba5233eb920a09459b6e6b2c26705b4364db151"}}, []byte("{}"))
	fmt.Println(err)
	// Output: webhook: sent too long ago
}

// SignRequest is a value of the Sign hook of connectors/httprequest: each request
// that the connector makes is then signed.
func ExampleSigner_SignRequest() {
	s, err := webhook.NewSigner(webhook.StandardWebhooks, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil {
		panic(err)
	}
	type config struct { // of httprequest, but for its other fields
		Sign func(r *http.Request, body []byte) error
	}
	cfg := config{Sign: s.SignRequest}

	body := []byte(`{"type":"invoice.paid"}`)
	r, err := http.NewRequest(http.MethodPost, "https://receiver.example/hooks", bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
	if err := cfg.Sign(r, body); err != nil {
		panic(err)
	}
	fmt.Println(r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Signature")[:3])
	// Output: 8e03978e-40d5-43dd-bc93-6894a57f9324 v1,
}
