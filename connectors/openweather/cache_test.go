package openweather_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

const keep = 10 * time.Minute

// counting is a client with a cache whose nth call is answered by f.
func counting(t *testing.T, calls *atomic.Int64, f func(n int64, r *http.Request) (*http.Response, error)) *openweather.Client {
	t.Helper()
	return stub(t, openweather.Config{Cache: keep}, func(r *http.Request) (*http.Response, error) {
		return f(calls.Add(1), r)
	})
}

func numbered(n int64) (*http.Response, error) {
	return reply(200, fmt.Sprintf(`{"main":{"temp":%d},"name":"x","weather":[{"id":%d}],"rain":{"1h":%d},"visibility":%d}`, n, n, n, n)), nil
}

// slow answers after a second, or when the request ends.
func slow(n int64, r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Second):
		return numbered(n)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func temp(t *testing.T, c *openweather.Client, q openweather.Query) float64 {
	t.Helper()
	w, err := c.Current(t.Context(), q)
	if !assert.NoError(t, err) {
		return 0
	}
	return w.Main.Temp
}

func TestCacheKeepsAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, slow)
		assert.InDelta(t, 1, temp(t, c, berlin()), 0)
		time.Sleep(keep - time.Nanosecond)
		assert.InDelta(t, 1, temp(t, c, berlin()), 0, "kept from the answer on")
		time.Sleep(time.Nanosecond)
		assert.InDelta(t, 2, temp(t, c, berlin()), 0)
		assert.InDelta(t, 2, temp(t, c, berlin()), 0)
		assert.EqualValues(t, 2, calls.Load())
		result, err := c.Execute(t.Context(), action(`{"city":"BERLIN"}`))
		require.NoError(t, err)
		assert.Equal(t, "2.0 °C in x", result.Message)
		assert.EqualValues(t, 2, calls.Load())
	})
}

func TestCacheIsOptIn(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{0, -1} {
		calls := 0
		c := stub(t, openweather.Config{Cache: off}, func(*http.Request) (*http.Response, error) {
			calls++
			return numbered(int64(calls))
		})
		assert.InDelta(t, 1, temp(t, c, berlin()), 0)
		assert.InDelta(t, 2, temp(t, c, berlin()), 0)
	}
}

func TestCacheTellsQueriesApart(t *testing.T) {
	t.Parallel()
	at := func(lat, lon float64) openweather.Query {
		return openweather.Query{Coord: &openweather.Coord{Lat: lat, Lon: lon}}
	}
	var calls atomic.Int64
	c := counting(t, &calls, func(n int64, _ *http.Request) (*http.Response, error) { return numbered(n) })
	for i, same := range [][]openweather.Query{
		{{City: "Berlin"}, {City: " berlin "}, {City: "BERLIN", Units: "metric"}},
		{{City: "Berlin,DE"}, {City: "Berlin , de"}},
		{{City: "Berlin", Units: "imperial"}},
		{{City: "Berlin", Units: "standard"}},
		{{City: "Berlin", Lang: "de"}, {City: "berlin", Lang: "DE"}},
		{{City: "New York"}, {City: "new \t york"}},
		{{City: "NewYork"}},
		{{City: "ÉVREUX"}, {City: "évreux"}},
		{{City: "a&units=imperial"}},
		{{City: "a"}},
		{{Zip: "a"}, {Zip: "A"}},
		{at(1, 2), at(1.00001, 1.99999)},
		{at(1.0001, 2)},
		{at(2, 1)},
		{at(0, 0), at(-0.00001, 0)},
		{{City: "1,2"}},
	} {
		for _, q := range same {
			assert.InDelta(t, i+1, temp(t, c, q), 0, "%+v", q)
		}
	}
}

func TestCallersGetCopies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, slow)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				w, err := c.Current(t.Context(), berlin())
				if err != nil {
					t.Error(err)
					return
				}
				assert.Equal(t, 1, w.Weather[0].ID)
				assert.InDelta(t, 1, *w.Rain.OneHour, 0)
				assert.InDelta(t, 1, *w.Visibility, 0)
				w.Weather[0].ID, *w.Rain.OneHour, *w.Visibility, w.Name = 7, 7, 7, "changed"
			})
		}
		wg.Wait()
		w, err := c.Current(t.Context(), berlin())
		require.NoError(t, err)
		assert.Equal(t, "x", w.Name)
		assert.Equal(t, 1, w.Weather[0].ID)
		assert.EqualValues(t, 1, calls.Load(), "one call for all")
	})
}

func TestFailuresAreSharedAndNotKept(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		status int
		body   string
		code   string
	}{
		"not found":  {404, `{"cod":"404","message":"city not found"}`, "404"},
		"failed":     {500, "<html>", "http_500"},
		"no weather": {200, `{"cod":200}`, "unexpected_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				c := counting(t, &calls, func(n int64, _ *http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					if n == 1 {
						return reply(answer.status, answer.body), nil
					}
					return numbered(n)
				})
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						_, err := c.Current(t.Context(), berlin())
						assert.Equal(t, answer.code, typed(t, err).Code)
					})
				}
				wg.Wait()
				assert.EqualValues(t, 1, calls.Load())
				assert.InDelta(t, 2, temp(t, c, berlin()), 0)
			})
		})
	}
}

// Who waits for the call of another may leave, and the call goes on.
func TestCallerThatWaitsMayLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, slow)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { assert.InDelta(t, 1, temp(t, c, berlin()), 0) })
		synctest.Wait() // it calls, the others wait
		for range 3 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(200*time.Millisecond, cancel)
				_, err := c.Current(ctx, berlin())
				e := typed(t, err)
				assert.Equal(t, connectors.KindCanceled, e.Kind)
				assert.True(t, e.Unsent)
				assert.Equal(t, 200*time.Millisecond, time.Since(start))
			})
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
				defer cancel()
				_, err := c.Current(ctx, berlin())
				assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
				assert.Equal(t, 400*time.Millisecond, time.Since(start))
			})
		}
		wg.Wait()
		assert.Equal(t, time.Second, time.Since(start))
		assert.EqualValues(t, 1, calls.Load())
	})
}

// Who makes the call for all may leave: one of the others makes it again.
func TestCallerThatCallsMayLeave(t *testing.T) {
	t.Parallel()
	for _, kind := range []connectors.Kind{connectors.KindCanceled, connectors.KindTimeout} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				c := counting(t, &calls, slow)
				start := time.Now()
				var wg sync.WaitGroup
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					defer cancel()
					if kind == connectors.KindCanceled {
						ctx, cancel = context.WithCancel(t.Context())
						time.AfterFunc(300*time.Millisecond, cancel)
					}
					_, err := c.Current(ctx, berlin())
					assert.Equal(t, kind, typed(t, err).Kind)
					assert.Equal(t, 300*time.Millisecond, time.Since(start))
				})
				synctest.Wait() // it calls, perhaps more than once; the others wait
				for range 5 {
					wg.Go(func() {
						got := temp(t, c, berlin())
						assert.InDelta(t, calls.Load(), got, 0, "the last call was for all")
						assert.Equal(t, 1300*time.Millisecond, time.Since(start))
					})
				}
				wg.Wait()
			})
		})
	}
}

// What this side refused without a call is of one caller: its deadline may come
// before its turn.
func TestRefusalsOfThisSideAreNotShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, func(n int64, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n == 1 {
				return nil, &connectors.Error{Kind: connectors.KindBlocked, Message: "blocked", Unsent: true}
			}
			return numbered(n)
		})
		var failed atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := c.Current(t.Context(), berlin()); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, failed.Load())
		assert.EqualValues(t, 2, calls.Load())
	})
}

func TestWaitForASharedCallEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, func(_ int64, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := c.Current(t.Context(), berlin())
				assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		wg.Wait()
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.LessOrEqual(t, calls.Load(), int64(3), "those of one caller")
	})
}

func TestPanicOfTheCallLetsTheOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls, panics atomic.Int64
		c := counting(t, &calls, func(n int64, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if n == 1 {
				panic("of a tracer")
			}
			return numbered(n)
		})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				defer func() {
					if recover() != nil {
						panics.Add(1)
					}
				}()
				_, err := c.Current(t.Context(), berlin())
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, panics.Load())
		assert.EqualValues(t, 2, calls.Load())
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		c := counting(t, &calls, func(n int64, _ *http.Request) (*http.Response, error) { return numbered(n) })
		city := func(n int) openweather.Query { return openweather.Query{City: "c" + strconv.Itoa(n)} }
		ask := func(n int, want int64) {
			t.Helper()
			before := calls.Load()
			temp(t, c, city(n))
			assert.Equal(t, want, calls.Load()-before, "%d", n)
			time.Sleep(time.Millisecond)
		}
		for n := range 1000 {
			ask(n, 1)
		}
		ask(0, 0)
		ask(1000, 1) // takes the place of 0
		ask(1, 0)
		ask(0, 1) // takes the place of 1
		ask(2, 0)
		ask(1000, 0)
		time.Sleep(keep)
		ask(5000, 1) // takes the place of one that is too old
		for n := range 999 {
			ask(n, 1)
		}
		ask(5000, 0)
	})
}

// Callers come and leave at random over real connections; the rest is answered.
func TestCacheUnderRandomLoad(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		_, _ = io.WriteString(w, `{"main":{"temp":1},"name":"`+r.URL.Query().Get("q")+`"}`)
	}))
	t.Cleanup(srv.Close)
	c := client(t, srv.URL, openweather.Config{Cache: 3 * time.Millisecond})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				leaves := rand.IntN(3) == 0
				if leaves {
					time.AfterFunc(time.Duration(rand.IntN(1500))*time.Microsecond, cancel)
				}
				city := "c" + strconv.Itoa(rand.IntN(3))
				w, err := c.Current(ctx, openweather.Query{City: city})
				switch {
				case err == nil:
					assert.Equal(t, city, w.Name)
				case !leaves || !errors.Is(err, context.Canceled):
					t.Errorf("leaves %v: %v", leaves, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}
