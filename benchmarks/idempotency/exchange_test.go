package idempotency_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	keyHeader   = "X-Idempotency-Key"
	contentType = "application/json"
	ownHeader   = "X-Charge"
	ownValue    = "ch_1"
	status      = 201
)

var (
	payload = `{"note":"` + strings.Repeat("n", 256-len(`{"note":""}`)) + `"}`
	result  = []byte(`{"result":"` + strings.Repeat("r", 1024-len(`{"result":""}`)) + `"}`)
)

// answerBytes is what anyone has to keep of an answer.
const answerBytes = len("Content-Type"+contentType+ownHeader+ownValue) + 1024

// exchange is a client, a contender and a handler, of which one works at a time.
type exchange interface {
	// post sends the request, with key unless it is empty.
	post(key string)
	// answer is what the last post was answered with.
	answer() answer
	// runs counts the runs of the handler.
	runs() int
	// renew replaces the store by an empty one.
	renew()
	close()
}

type answer struct {
	status           int
	contentType, own string
	body             string
}

type contender struct {
	name  string
	floor string // the contender without a middleware, on the same server
	open  func() exchange
}

// keeps reports whether c keeps answers, so that a retry does not run.
func (c contender) keeps() bool { return c.name != c.floor }

// harness is a way to drive contenders.
type harness struct {
	name       string
	contenders []contender
}

var harnesses = []harness{
	{"reused", slices.Concat(onNetHTTP(newReused), onFiber())},
	{"recorded", onNetHTTP(newRecorded)},
	{"served", onNetHTTP(newServed)},
}

func onNetHTTP(open func(middleware) exchange) []contender {
	return []contender{
		{"bare", "bare", func() exchange { return open(bare) }},
		{"naive", "bare", func() exchange { return open(naive) }},
		{"bracework", "bare", func() exchange { return open(bracework) }},
	}
}

func onFiber() []contender {
	return []contender{
		{"bare-fiber-v2", "bare-fiber-v2", func() exchange { return newFiberV2(nil) }},
		{"fiber-v2", "bare-fiber-v2", func() exchange { return newFiberV2(newFiberStore()) }},
		{"bare-fiber-v3", "bare-fiber-v3", func() exchange { return newFiberV3(nil) }},
		{"fiber-v3", "bare-fiber-v3", func() exchange { return newFiberV3(newFiberStore()) }},
	}
}

// keys makes keys that look like UUIDs, which fiber insists on.
type keys struct {
	n   int
	buf []byte
}

func (k *keys) next() string {
	const first, digits = "00000000-0000-4000-8000-", 12
	k.n++
	k.buf = strconv.AppendInt(append(k.buf[:0], first...), 1e11+int64(k.n), 10)[:len(first)+digits]
	return string(k.buf)
}

// renewEach keeps everyone's store at one size: a faster contender is run more
// often, and would search a larger map. Renewing is timed, spread over as many
// requests.
const renewEach = 4096

type scenario struct {
	name string
	loop func(exchange) func(n int)
}

var scenarios = []scenario{
	{"unkeyed", func(x exchange) func(int) {
		return func(n int) {
			for range n {
				x.post("")
			}
		}
	}},
	{"replay", func(x exchange) func(int) {
		key := new(keys).next()
		x.post(key)
		return func(n int) {
			for range n {
				x.post(key)
			}
		}
	}},
	{"first", func(x exchange) func(int) {
		var k keys
		return func(n int) {
			for range n {
				if k.n%renewEach == 0 {
					x.renew()
				}
				x.post(k.next())
			}
		}
	}},
}

func BenchmarkIdempotency(b *testing.B) {
	for _, h := range harnesses {
		for _, s := range scenarios {
			for _, c := range h.contenders {
				b.Run(h.name+"/"+s.name+"/"+c.name, func(b *testing.B) {
					x := c.open()
					defer x.close()
					loop := s.loop(x)
					b.ReportAllocs()
					b.ResetTimer()
					loop(b.N)
				})
			}
		}
	}
}
