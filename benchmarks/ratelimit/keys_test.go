package ratelimit_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// keySize is the length of a key where its length is not the subject.
const keySize = 16

// keys are keys of one length, in one string: a million of them are nothing
// that the garbage collector looks into, and a sequence lies in memory in the
// order in which it is taken, as a key does that was just read from a request.
type keys struct {
	all  string
	size int
}

// newKeys makes n different keys of size bytes, at least 16. Of different
// families, no two are equal.
func newKeys(family byte, n, size int) keys {
	buf := make([]byte, 0, n*size)
	for i := range n {
		buf = appendKey(buf, family, i, size)
	}
	return keys{string(buf), size}
}

// appendKey appends key i of a family: one letter, padding, ten digits.
func appendKey(buf []byte, family byte, i, size int) []byte {
	const first, digits = int64(1e9), 10
	buf = append(buf, family)
	for range size - 1 - digits {
		buf = append(buf, '-')
	}
	return strconv.AppendInt(buf, first+int64(i), 10)
}

func (k keys) len() int { return len(k.all) / max(k.size, 1) }

func (k keys) at(i int) string { return k.all[i*k.size:][:k.size] }

// pick is the sequence of the keys at the given places.
func (k keys) pick(places []int) keys {
	var b strings.Builder
	b.Grow(len(places) * k.size)
	for _, i := range places {
		b.WriteString(k.at(i))
	}
	return keys{b.String(), k.size}
}

// shuffled has each key once, in a random order.
func (k keys) shuffled(rng *rand.Rand) keys { return k.pick(rng.Perm(k.len())) }

// zipf draws n keys. The k-th most frequent one is drawn 1/k^s as often as the
// first; which one it is has nothing to do with its place in k.
func (k keys) zipf(rng *rand.Rand, s float64, n int) keys {
	ranked := rng.Perm(k.len())
	z := rand.NewZipf(rng, s, 1, uint64(k.len()-1))
	places := make([]int, n)
	for i := range places {
		places[i] = ranked[z.Uint64()]
	}
	return k.pick(places)
}

// mixed has each key 11 times and each ninth a 12th time: with a burst of 10
// that nothing refills, 90 of 100 are admitted. A key's visits are spread over a
// tenth of the sequence, so that admissions and refusals are everywhere.
func (k keys) mixed(rng *rand.Rand) keys {
	type visit struct {
		at    float64
		place int
	}
	var visits []visit
	for i := range k.len() {
		times := 11
		if i%9 == 0 {
			times++
		}
		start := float64(i) / float64(k.len())
		for range times {
			visits = append(visits, visit{start + rng.Float64()/10, i})
		}
	}
	slices.SortFunc(visits, func(a, b visit) int { return cmp.Compare(a.at, b.at) })
	places := make([]int, len(visits))
	for i, v := range visits {
		places[i] = v.place
	}
	return k.pick(places)
}

// distinct counts the different keys in all of seqs together.
func distinct(seqs ...keys) int {
	seen := map[string]struct{}{}
	for _, k := range seqs {
		for i := range k.len() {
			seen[k.at(i)] = struct{}{}
		}
	}
	return len(seen)
}

// thousands writes n with a comma every three digits.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
