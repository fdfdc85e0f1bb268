// Package webhook compares what the verification of a webhook costs: Bracework's and
// its peers', with the bare primitive as the floor; and it has them verify each
// other's signatures. All that it has are tests; from the folder of this module:
//
//	GOWORK=off go test ./webhook                                            # each other's signatures
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./webhook  # interleaved, with ratios
//
// # Whom the numbers compare
//
//   - bare: hmac.New, Write of the body, Sum; or ed25519.Verify of the message. It
//     knows of no header, no time and no encoding. bare-reused resets a hash that has
//     read the key before.
//   - bracework: Verifier.Verify, or VerifyRequest where the URL is signed.
//   - standard-webhooks: Verify of the reference library.
//   - svix: Verify of Svix's library.
//   - stripe-go: ValidatePayload, which reads no event.
//   - slack-go: NewSecretsVerifier, Write and Ensure.
//   - go-github: ValidateSignature.
//   - discordgo: VerifyInteraction, which reads the body of a request.
//   - twilio-go: ValidateBody with a form.
//
// Peers get what their documentation says: some make their verifier once, others
// have a function. For Shopify and v1a there is no peer here.
package webhook
