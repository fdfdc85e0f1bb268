//go:build !race

package netguard_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/connectors/netguard"
)

func TestAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	g := guard(t, netguard.Config{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("9.9.9.0/24")})
	u := parse(t, "https://hooks.example.com/services/x")
	for _, address := range []string{"8.8.8.8:443", "10.0.0.1:80", "[2606:4700:4700::1111]:443", "[::ffff:8.8.8.8]:443", "[64:ff9b::808:808]:443"} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if g.Control(t.Context(), "tcp", address, nil) != nil {
				t.Error("refused")
			}
		}), address)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if g.CheckURL(u) != nil {
			t.Error("refused")
		}
	}))
}
