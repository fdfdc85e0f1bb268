package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// behaviour is a question that times do not answer.
type behaviour struct {
	name string
	// ask is called with each contender. It must come to an end.
	ask func(c contender, patience time.Duration) finding
	// alone looks at the whole process, so nothing else may happen meanwhile.
	alone bool
}

type finding struct {
	text string
	good bool // asserted of ours only
}

var behaviours = []behaviour{
	{name: "goroutines after 50 probes of a check that hangs; once it has returned", ask: askWedged, alone: true},
	{name: "answer while a check hangs", ask: askBlocked},
	{name: "runs of a check for 1,000 probes at once", ask: askCrowd},
	{name: "answer after one whose client left", ask: askLeaver},
	{name: "a check that panics ends the process", ask: askPanic},
	{name: "answer shows the password in an error", ask: askSecret},
}

// TestBehaviour asserts what we promise. Of the peers nothing is asserted.
func TestBehaviour(t *testing.T) { //nolint:paralleltest // it counts goroutines
	runBehaviours(t, 1500*time.Millisecond, io.Discard)
}

// runBehaviours asks everyone but the floors; who does not answer in patience is
// not waited for.
func runBehaviours(t *testing.T, patience time.Duration, out io.Writer) {
	t.Helper()
	var asked []contender
	for _, c := range contenders {
		if c.passing != nil {
			asked = append(asked, c)
		}
	}
	head := []string{""}
	for _, c := range asked {
		head = append(head, c.name)
	}
	fmt.Fprintf(out, "\n%s|%s\n", row(head), strings.Repeat("---|", len(head)))
	for _, b := range behaviours {
		cells := []string{b.name}
		for i, f := range b.findings(asked, patience) {
			cells = append(cells, f.text)
			if asked[i].name == ours {
				assert.True(t, f.good, "%s: %s", b.name, f.text)
			}
		}
		fmt.Fprint(out, row(cells))
	}
}

func (b behaviour) findings(asked []contender, patience time.Duration) []finding {
	all := make([]finding, len(asked))
	var wg sync.WaitGroup
	for i, c := range asked {
		wg.Go(func() { all[i] = b.ask(c, patience) })
		if b.alone {
			wg.Wait()
		}
	}
	wg.Wait()
	return all
}

// within reports whether f returned in time. It runs f in a goroutine, which
// goes on when it did not.
func within(patience time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// wedge is a check that hangs, whatever its context says, until it is released.
type wedge struct {
	gate chan struct{}
	once sync.Once
}

func newWedge() *wedge { return &wedge{gate: make(chan struct{})} }

func (w *wedge) check(context.Context) error {
	<-w.gate
	return nil
}

func (w *wedge) release() { w.once.Do(func() { close(w.gate) }) }

// askWedged probes 50 times while a check with a timeout of 5 ms hangs, without
// a cache, and counts the goroutines that are there because of it: while it
// hangs, and when it has returned and everything is stopped.
func askWedged(c contender, patience time.Duration) finding {
	before := goroutines(0)
	w := newWedge()
	defer w.release()
	s := c.open(setup{kind: whole, names: names(1), check: w.check, timeout: 5 * time.Millisecond, cache: -1})
	within(patience, func() {
		for range 50 {
			s.probe(context.Background())
		}
	})
	hanging := goroutines(0) - before
	w.release()
	within(patience, s.close)
	after := goroutines(before) - before
	return finding{fmt.Sprintf("%d; %d", hanging, after), hanging <= 1 && after <= 0}
}

// goroutines counts them once they are as few as wanted, or, that failing, no
// longer change.
func goroutines(wanted int) int {
	n, same := runtime.NumGoroutine(), 0
	for end := time.Now().Add(2 * time.Second); n > wanted && same < 10 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
		if now := runtime.NumGoroutine(); now == n {
			same++
		} else {
			n, same = now, 0
		}
	}
	return n
}

// askBlocked has everything as it is by default.
func askBlocked(c contender, patience time.Duration) finding {
	w := newWedge()
	defer w.release()
	s := c.open(setup{kind: whole, names: names(1), check: w.check})
	defer func() {
		w.release()
		within(patience, s.close)
	}()
	got := make(chan answer, 1)
	start := time.Now()
	if !within(patience, func() { got <- s.probe(context.Background()) }) {
		return finding{fmt.Sprintf("none in %v", patience), false}
	}
	took, a := time.Since(start).Round(10*time.Millisecond), <-got
	return finding{fmt.Sprintf("%d after %v", a.status, took), a.status == http.StatusServiceUnavailable}
}

// askCrowd has everything as it is by default; the check takes a millisecond.
// Ours may run twice, since a slow machine may take longer for the probes than
// the second for which a result is cached.
func askCrowd(c contender, _ time.Duration) finding {
	const probes, enough = 1000, 30 * time.Second
	var runs atomic.Int64
	s := c.open(setup{kind: whole, names: names(1), check: func(context.Context) error {
		runs.Add(1)
		time.Sleep(time.Millisecond)
		return nil
	}})
	defer within(enough, s.close)
	all := within(enough, func() {
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range probes {
			wg.Go(func() {
				<-start
				s.probe(context.Background())
			})
		}
		close(start)
		wg.Wait()
	})
	if n := runs.Load(); all {
		return finding{thousands(int(n)), n >= 1 && n <= 2}
	}
	return finding{fmt.Sprintf("not answered in %v", enough), false}
}

// askLeaver has a check of 50 ms that obeys its context, and results cached for
// 300 ms. The first probe caches a result; the client of the next that runs the
// check leaves meanwhile.
func askLeaver(c contender, patience time.Duration) finding {
	const cache = 300 * time.Millisecond
	began := make(chan struct{}, 100)
	s := c.open(setup{kind: whole, names: names(1), cache: cache, check: func(ctx context.Context) error {
		began <- struct{}{}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
			return nil
		}
	}})
	defer within(patience, s.close)
	s.await()
	time.Sleep(cache + 50*time.Millisecond)
	for len(began) > 0 {
		<-began
	}
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	if !within(patience, func() {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			s.probe(ctx)
		}()
		select {
		case <-began:
		case <-time.After(cache): // nobody runs checks because of a probe
		}
		leave()
		<-gone
	}) {
		return finding{fmt.Sprintf("none in %v", patience), false}
	}
	a := s.probe(context.Background())
	return finding{strconv.Itoa(a.status), a.status == http.StatusOK}
}

const secret = "hunter2"

// askSecret has everything as it is by default.
func askSecret(c contender, patience time.Duration) finding {
	var runs atomic.Int64
	s := c.open(setup{kind: whole, names: names(1), check: func(context.Context) error {
		runs.Add(1)
		return errors.New("dial postgres://app:" + secret + "@db.internal/app: connection refused")
	}})
	defer within(patience, s.close)
	var a answer
	told := within(patience, func() {
		for runs.Load() == 0 {
			a = s.probe(context.Background())
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond) // what runs in the background is told a little later
		a = s.probe(context.Background())
	})
	if !told || a.status != http.StatusServiceUnavailable {
		return finding{fmt.Sprintf("no failure shown: %d", a.status), false}
	}
	if strings.Contains(a.body, secret) {
		return finding{"yes", false}
	}
	return finding{"no", true}
}
