package webhook_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/webhook"
	"github.com/stretchr/testify/assert"
)

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// bodies are random, and some of the forms that senders send.
func bodies(c contest) [][]byte {
	if c.scheme == webhook.Twilio {
		return [][]byte{nil, []byte("a=b"), []byte("b=%2B1&a=x+y&c="), twilioForm(4096)}
	}
	all := [][]byte{nil, []byte("{}"), c.payload(1000), []byte("a.b\r\n\x00\xff")}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		body := make([]byte, random.IntN(300))
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		all = append(all, body)
	}
	return all
}

// What we sign, peers accept, and what they sign, we do; of what was changed on the
// way nobody accepts anything.
func TestEachOthersSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range contests() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var us contender
			for _, x := range c.all() {
				if x.name == ours {
					us = x
				}
			}
			for _, body := range bodies(c) {
				signed := c.sign(body)
				assert.True(t, us.verify(signed), "%q", body)
				for _, peer := range c.contenders {
					assert.True(t, peer.verify(signed), "%s, %q", peer.name, body)
					if peer.sign != nil {
						assert.True(t, us.verify(peer.sign(body)), "%s, %q", peer.name, body)
					}
					for _, forged := range forgeries(c, signed) {
						assert.False(t, peer.verify(forged), "%s, %q, %v", peer.name, forged.body, forged.header)
						assert.False(t, us.verify(forged), "%q, %v", forged.body, forged.header)
					}
				}
			}
		})
	}
}

// forgeries change one thing at a time.
func forgeries(c contest, d delivery) []delivery {
	all := []delivery{{d.header, append([]byte("x"), d.body...)}, {d.header, append(append([]byte(nil), d.body...), "&x=x"...)}}
	if len(d.body) > 0 && c.scheme != webhook.Twilio {
		flipped := append([]byte(nil), d.body...)
		flipped[len(flipped)/2] ^= 1
		all = append(all, delivery{d.header, flipped})
	}
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Svix-Id", "Svix-Timestamp", "X-Slack-Request-Timestamp", "X-Signature-Timestamp"} {
		if value := d.header.Get(name); value != "" {
			all = append(all, d.with(name, value+"1"))
		}
	}
	for _, name := range []string{"Webhook-Signature", "Svix-Signature", "X-Slack-Signature", "X-Hub-Signature-256", "Stripe-Signature", "X-Signature-Ed25519", "X-Twilio-Signature"} {
		if value := d.header.Get(name); value != "" {
			last := []byte(value)
			last[len(last)-3] ^= 1 // before any padding
			all = append(all, d.with(name, string(last)), d.with(name, ""), d.with(name, value[:len(value)-4]))
		}
	}
	return all
}

func (d delivery) with(name, value string) delivery {
	h := d.header.Clone()
	h.Set(name, value)
	return delivery{h, d.body}
}

// Where we are stricter than peers, on purpose.
func TestWhatOnlyPeersAccept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		why     string
		contest int
		change  func(d delivery) delivery
	}{
		{"a second value of a header", 0, func(d delivery) delivery {
			h := d.header.Clone()
			h.Add("Webhook-Id", "msg_2")
			return delivery{h, d.body}
		}},
		{"more than 32 signatures", 0, func(d delivery) delivery {
			return d.with("Webhook-Signature", d.header.Get("Webhook-Signature")+strings.Repeat(" v1,x", 32))
		}},
		{"digits in upper case", 4, func(d delivery) delivery {
			return d.with("X-Hub-Signature-256", "sha256="+upper(d.header.Get("X-Hub-Signature-256")[7:]))
		}},
		{"a time of the future", 2, func(delivery) delivery { return future() }},
	} {
		c := contests()[tt.contest]
		d := tt.change(c.sign([]byte("{}")))
		for _, x := range c.all() {
			if x.name == floor || x.name == reused {
				continue
			}
			assert.Equal(t, x.name != ours, x.verify(d), "%s: %s", tt.why, x.name)
		}
	}
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'f' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// future is a delivery of Stripe's from next year.
func future() delivery {
	s := must(webhook.NewSigner(webhook.Stripe, []string{text}))
	h := http.Header{}
	if err := s.Sign(h, "", time.Now().Add(365*24*time.Hour), []byte("{}")); err != nil {
		panic(err)
	}
	return delivery{h, []byte("{}")}
}
