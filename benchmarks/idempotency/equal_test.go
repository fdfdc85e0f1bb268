package idempotency_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A contender that answers less, or runs where it should replay, has nothing to
// be compared.
func TestEveryoneAnswersTheSame(t *testing.T) {
	t.Parallel()
	for _, h := range harnesses {
		for _, c := range h.contenders {
			t.Run(h.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				assertAnswers(t, c)
			})
		}
	}
}

func assertAnswers(t *testing.T, c contender) bool {
	t.Helper()
	want := answer{status: status, contentType: contentType, own: ownValue, body: string(result)}
	x := c.open()
	defer x.close()
	same, runs := true, 0
	post := func(what, key string, runsHandler bool) {
		x.post(key)
		if runsHandler {
			runs++
		}
		same = assert.Equal(t, want, x.answer(), "%s: %s", c.name, what) && same
		same = assert.Equal(t, runs, x.runs(), "%s: runs after %s", c.name, what) && same
	}
	var k keys
	one, two := k.next(), k.next()
	post("an unkeyed request", "", true)
	post("another", "", true)
	post("a first request", one, true)
	post("its retry", one, !c.keeps())
	post("its second retry", one, !c.keeps())
	post("another key", two, true)
	post("its retry", two, !c.keeps())
	post("an unkeyed request after all", "", true)
	x.renew()
	post("a first request to a new store", one, true)
	post("its retry", one, !c.keeps())
	return same
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	var k keys
	a, b := k.next(), k.next()
	assert.NotEqual(t, a, b)
	assert.Len(t, a, 36)
	assert.Len(t, payload, 256)
	assert.Len(t, result, 1024)
}
