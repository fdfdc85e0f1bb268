package health

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

const (
	lagTimer  = 20 * time.Millisecond
	lagTimers = 5
)

// SchedulerLag checks that goroutines get to run in time: it sets timers of 20
// ms, queues behind the goroutines that wait to run when one fires, and fails,
// reason stuck, when most of them are more than limit late. So shows a process
// that is starved of CPU by its neighbours, throttled by a quota, or busy with
// more than its cores can do.
//
// Up to five timers run one after the other, until three agree: a single late
// one, as after a pause of the machine, is no failure. A check takes 60 to 100
// ms plus the lateness that it finds, and ends early with its context. The
// timers of a process at ease fire within a few milliseconds, and each goroutine
// that computes without a pause may keep others waiting for 10, so that a limit
// below some 50 ms finds little but noise. One that is not positive is an error
// of [New] and [Health.Add].
func SchedulerLag(limit time.Duration) Checker { return lagCheck(limit) }

type lagCheck time.Duration

func (limit lagCheck) validate() error {
	if limit <= 0 {
		return fmt.Errorf("limit of lateness %v: want more than 0", time.Duration(limit))
	}
	return nil
}

func (limit lagCheck) Check(ctx context.Context) error {
	var worst time.Duration
	for late, inTime := 0, 0; late <= lagTimers/2; {
		lag, err := lateness(ctx, lagTimer)
		if err != nil {
			return err
		}
		if lag > time.Duration(limit) {
			late++
		} else {
			inTime++
		}
		if inTime > lagTimers/2 {
			return nil
		}
		worst = max(worst, lag)
	}
	return Reason(reasonStuck, fmt.Errorf("health: timers fire up to %v late, limit %v", worst, time.Duration(limit)))
}

// lateness returns how long after its time a timer of d is seen to fire by a
// goroutine that waits its turn.
func lateness(ctx context.Context, d time.Duration) (time.Duration, error) {
	start := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		runtime.Gosched() // whom a timer wakes goes before the queue, and would not see its length
		return time.Since(start) - d, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
