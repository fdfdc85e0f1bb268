package ratelimit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A contender that admits more, or less, has nothing to be compared.
func TestEveryoneAdmitsTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range append([]contender{throttledLRU}, limiters...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assertAdmits(t, c)
		})
	}
}

func assertAdmits(t *testing.T, c contender) {
	t.Helper()
	const many = 1000
	for _, burst := range []int{1, 10, 100} {
		l := c.open(setup{quota: quota{burst, time.Hour}, keys: 2 * many, cap: 2 * many})
		for _, key := range []string{"one", "another"} {
			for i := range 2 * burst {
				assert.Equal(t, i < burst, l.take(key), "%s: take %d of %s with a burst of %d", c.name, i+1, key, burst)
			}
		}
		l.close()
	}

	l := c.open(setup{quota: once, keys: many, cap: 2 * many})
	defer l.close()
	all := newKeys('t', many, keySize)
	for pass, want := range []int{many, 0} {
		assert.Equal(t, want, takeAll(l, all), "%s: keys admitted in pass %d", c.name, pass+1)
	}
	if l.count != nil {
		assert.Equal(t, many, l.count(), "%s: keys", c.name)
	}

	const burst = 100
	shared := c.open(setup{quota: quota{burst, time.Hour}, keys: 1})
	defer shared.close()
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range burst {
				if shared.take("shared") {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(burst), admitted.Load(), "%s: admitted to many at once", c.name)
}

// takeAll takes each key once and returns how many were admitted.
func takeAll(l limiter, k keys) int {
	admitted := 0
	for i := range k.len() {
		if l.take(k.at(i)) {
			admitted++
		}
	}
	return admitted
}

// Everyone tells apart the keys that the scenarios are said to touch: with a
// burst of one, as many are admitted.
func TestEveryoneTouchesDistinctKeys(t *testing.T) {
	t.Parallel()
	for _, rc := range races(tiny) {
		for _, c := range limiters {
			t.Run(rc.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				l := c.open(setup{quota: once, keys: rc.distinct})
				defer l.close()
				assert.Equal(t, rc.distinct, takeAll(l, rc.warm)+takeAll(l, rc.seq))
			})
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 1024} {
		k := newKeys('a', 1000, size)
		assert.Equal(t, 1000, k.len())
		assert.Len(t, k.at(999), size)
		assert.Equal(t, 1000, distinct(k))
		assert.Equal(t, 2000, distinct(k, newKeys('b', 1000, size)))
		assert.Equal(t, 1000, distinct(k, k.shuffled(newRand())))
	}
	assert.Equal(t, 10_000, newKeys('a', 900, keySize).mixed(newRand()).len())
}
