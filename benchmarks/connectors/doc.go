// Package connectors compares what an outgoing call costs: through Bracework's
// connectors, through peers, and through a bare http.Client that makes the same
// call. All that it has are tests; from the folder of this module:
//
//	GOWORK=off go test ./connectors                                            # equal calls
//	GOWORK=off BRACEWORK_BENCH=1 go test -count=1 -v -run Report ./connectors  # interleaved, with differences
//
// # Whom the numbers compare
//
//   - net/http: an http.Client with a timeout of 10 s, which is what it takes not
//     to hang, and nothing else.
//   - bracework: Client.Do of connectors, or Webhook.Send of connectors/slack
//     without pacing. Bracework-breaker is the same with breaker.Transport as
//     Wrap, bracework-guarded with a netguard.Guard that permits loopback.
//   - retryablehttp: github.com/hashicorp/go-retryablehttp, without its log.
//   - slack-go: PostWebhookCustomHTTPContext of github.com/slack-go/slack, with
//     the http.Client of net/http. It discards the body of an answer, in which
//     Slack says what was wrong.
//
// A GET is answered with 1 KiB, a POST of 256 bytes likewise, and a message for
// Slack with "ok". Everyone makes a request for each call and reads the whole
// answer. Calls go to an httptest.Server over one kept-alive connection, or to a
// RoundTripper that answers at once, for what is left without network and kernel.
package connectors
