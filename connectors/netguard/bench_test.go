package netguard_test

import (
	"testing"

	"github.com/bracework/bracework/connectors/netguard"
)

func BenchmarkControl(b *testing.B) {
	g := guard(b, netguard.Config{})
	for name, address := range map[string]string{"ipv4": "8.8.8.8:443", "ipv6": "[2606:4700:4700::1111]:443", "refused": "10.0.0.1:443"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			for b.Loop() {
				_ = g.Control(ctx, "tcp", address, nil)
			}
		})
	}
}

func BenchmarkCheckURL(b *testing.B) {
	g := guard(b, netguard.Config{})
	u := parse(b, "https://hooks.example.com/services/x")
	b.ReportAllocs()
	for b.Loop() {
		_ = g.CheckURL(u)
	}
}
