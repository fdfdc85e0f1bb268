package ratelimit_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// A shard must behave like a map, whatever the order of operations. Hashes are
// few and close, so that runs are long and wrap around.
func FuzzShard(f *testing.F) {
	f.Add([]byte("\x01\x02\x03\xff\x04"))
	f.Add([]byte("\x07\x17\x27\x37\x47\x08\xf0\x07"))
	f.Add([]byte{0x80, 0x00, 0x40, 0x20, 0xf3, 0x1f, 0x3f, 0xf9, 0x00})
	f.Fuzz(compareShard)
}

func hashOf(op byte) uint64 {
	switch hash := uint64(op&0xf) + 1; op >> 4 & 3 {
	case 0:
		return hash // at the start
	case 1:
		return math.MaxUint32 - hash // at the end
	default:
		return hash<<28 + uint64(op>>4)
	}
}

func compareShard(t *testing.T, ops []byte) {
	t.Helper()
	shard := ratelimit.NewShard(1000)
	want := map[uint64]int64{}
	var swept int64
	for i, op := range ops {
		if op >= 0xf0 {
			upTo := int64(i) * int64(op&0xf)
			shard.Sweep(upTo)
			swept = max(swept, upTo)
			maps.DeleteFunc(want, func(_ uint64, full int64) bool { return full <= upTo })
			continue
		}
		hash, cost := hashOf(op), int64(i%7+1)
		shard.Put(hash, cost)
		if _, ok := want[hash]; !ok {
			want[hash] = swept // no earlier, or what was removed could come back
		}
		want[hash] += cost
	}
	require.Equal(t, len(want), shard.Stats().Keys)
	for op := range 0xf0 {
		hash := hashOf(byte(op))
		require.Equal(t, want[hash], shard.Get(hash))
	}
}

func TestShard(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(4, seed))
		ops := make([]byte, rng.IntN(600))
		for i := range ops {
			ops[i] = byte(rng.IntN(256))
		}
		compareShard(t, ops)
	}
}

// No tier and no cost may panic, overflow or admit more than the burst.
func FuzzTake(f *testing.F) {
	f.Add(5.0, 10, 1, int64(0), 50.0, 100, 1, int64(time.Second))
	f.Add(1e9, math.MaxInt32, math.MaxInt32, int64(math.MaxInt64/4), 1e-9, 1, 1, int64(math.MaxInt64/4))
	f.Add(math.MaxFloat64, 0, -1, int64(0), math.NaN(), -1, math.MinInt, int64(0))
	f.Fuzz(func(t *testing.T, rate1 float64, burst1, cost1 int, at1 int64, rate2 float64, burst2, cost2 int, at2 int64) {
		const century = 100 * 365 * 24 * time.Hour
		s := newStore()
		for i, step := range []struct {
			tier ratelimit.Tier
			cost int
			at   int64
		}{
			{ratelimit.Tier{Rate: rate.Limit(rate1), Burst: burst1}, cost1, at1},
			{ratelimit.Tier{Rate: rate.Limit(rate2), Burst: burst2}, cost2, at2},
			{ratelimit.Tier{Rate: rate.Limit(rate1), Burst: burst1}, cost1, at1},
		} {
			valid := step.tier.Validate() == nil
			if valid && step.tier.Rate == rate.Inf {
				continue
			}
			d, err := s.TakeAt(time.Duration(step.at)%century, "k", step.tier, max(step.cost, 0))
			if !valid {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			assert.GreaterOrEqual(t, d.Tokens, 0)
			assert.LessOrEqual(t, d.Tokens, step.tier.Burst)
			assert.GreaterOrEqual(t, d.ResetAfter, time.Duration(0))
			assert.Equal(t, d.Allowed, d.RetryAfter == 0)
			assert.Equal(t, step.cost > step.tier.Burst, d.RetryAfter == ratelimit.Never)
			if i == 0 {
				assert.Equal(t, step.cost <= step.tier.Burst, d.Allowed, "a fresh bucket is full")
			}
		}
	})
}

// Joined keys are equal only when all their parts are.
func FuzzJoin(f *testing.F) {
	f.Add("a:b", "c", "a", "b:c")
	f.Add("\x01a", "b", "\x01", "ab")
	f.Add("a", "", "", "a")
	key := ratelimit.Join(ratelimit.ByHeader("A"), ratelimit.ByHeader("B"))
	f.Fuzz(func(t *testing.T, a1, b1, a2, b2 string) {
		join := func(a, b string) (string, error) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["A"], r.Header["B"] = []string{a}, []string{b}
			return key(r)
		}
		k1, err1 := join(a1, b1)
		k2, err2 := join(a2, b2)
		assert.Equal(t, a1 == "" || b1 == "", err1 != nil)
		if err1 == nil && err2 == nil {
			assert.Equal(t, a1 == a2 && b1 == b2, k1 == k2)
		}
	})
}

// What is left of a bucket, divided exactly.
func FuzzTokens(f *testing.F) {
	f.Add(int64(1), int64(1), int64(0))
	f.Add(int64(3), int64(math.MaxInt64/12), int64(7))
	f.Add(int64(1<<32), int64(1<<28), int64(1))
	f.Add(int64(200_000_000), int64(10), int64(200_000_001))
	f.Fuzz(func(t *testing.T, interval, burst, debt int64) {
		if interval < 1 || burst < 1 || burst > math.MaxInt64/4/interval || debt < 0 || debt > interval*burst {
			return
		}
		require.Equal(t, (interval*burst-debt)/interval, int64(ratelimit.Tokens(interval, burst, debt)))
	})
}
