package ratelimit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tally is what became of takes.
type tally struct {
	done     int // without an error
	admitted int
	cut      int // given up, as the context was done
	err      error
	ns       []int64 // that each took; what was cut would have taken longer
}

func (x *tally) add(o tally) {
	x.done += o.done
	x.admitted += o.admitted
	x.cut += o.cut
	if x.err == nil {
		x.err = o.err
	}
	x.ns = append(x.ns, o.ns...)
}

// takeAtOnce has many goroutines take keys, one after the other and again from
// the first, while there is more. It is asked for with the number of the take.
func takeAtOnce(ctx context.Context, take remoteTake, k keys, goroutines int, more func(taken int) bool) tally {
	var tickets atomic.Int64
	tallies := make([]tally, goroutines)
	var wg sync.WaitGroup
	for i := range tallies {
		wg.Go(func() {
			// A request has a context of its own, whose lock it shares with nobody.
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			x := &tallies[i]
			for ctx.Err() == nil || len(x.ns) == 0 {
				ticket := int(tickets.Add(1)) - 1
				if !more(ticket) {
					return
				}
				start := time.Now()
				ok, err := take(ctx, k.at(ticket%k.len()))
				x.ns = append(x.ns, time.Since(start).Nanoseconds())
				switch {
				case err == nil:
					x.done++
				case ctx.Err() != nil:
					x.cut++
				default:
					x.err = err
				}
				if ok {
					x.admitted++
				}
			}
		})
	}
	wg.Wait()
	var sum tally
	for _, x := range tallies {
		sum.add(x)
	}
	return sum
}
