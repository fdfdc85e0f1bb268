package webhook_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/webhook"
)

func BenchmarkVerify(b *testing.B) {
	for _, p := range parties() {
		if p.scheme == webhook.Twilio || p.scheme == hubspot() {
			continue
		}
		for _, size := range []int{1 << 10, 64 << 10} {
			b.Run(p.scheme.String()+"/"+strconv.Itoa(size), func(b *testing.B) {
				body := []byte(strings.Repeat("x", size))
				h := http.Header{}
				if err := p.signer(b).Sign(h, "msg_1", time.Now(), body); err != nil {
					b.Fatal(err)
				}
				v := p.verifier(b, webhook.Config{})
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(h, body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
