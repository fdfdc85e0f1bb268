package health_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bracework/bracework/health"
)

func ExampleHeartbeat() {
	beat := health.NewHeartbeat(time.Minute)
	checks, err := health.New(health.Config{}, health.Check{Name: "worker", Checker: beat, ForLive: true})
	if err != nil {
		panic(err)
	}

	jobs := make(chan func())
	end := make(chan struct{})
	go func() {
		defer close(end)
		idle := time.NewTicker(20 * time.Second) // of the worker itself: a stuck one does not get here
		defer idle.Stop()
		for {
			select {
			case job, open := <-jobs:
				if !open {
					return
				}
				job()
			case <-idle.C:
			}
			beat.Beat()
		}
	}()

	jobs <- func() {
		done := beat.Begin(time.Hour) // may take longer than a minute
		defer done()
		fmt.Println("rebuilding the index")
	}
	close(jobs)
	<-end

	rec := httptest.NewRecorder()
	checks.Live().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health/live", nil))
	fmt.Print(rec.Code, " ", rec.Body)
	fmt.Println(checks.Evaluate(context.Background()).Status)
	// Output:
	// rebuilding the index
	// 200 {"status":"alive"}
	// healthy
}
