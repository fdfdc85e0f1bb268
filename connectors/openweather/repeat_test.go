package openweather_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

// repeating is a client that repeats, and when its calls came, which are answered
// in order, the last one for ever.
func repeating(t *testing.T, cfg openweather.Config, answers ...func() *http.Response) (*openweather.Client, *[]time.Duration) {
	t.Helper()
	start, times := time.Now(), &[]time.Duration{}
	var err error
	cfg.Client, err = connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) {
			*times = append(*times, time.Since(start))
			return answers[min(len(*times), len(answers))-1](), nil
		})
	}})
	require.NoError(t, err)
	return client(t, "http://127.0.0.1:1", cfg), times
}

func says(status int, body string, header ...string) func() *http.Response {
	return func() *http.Response { return reply(status, body, header...) }
}

const fine = `{"main":{"temp":1}}`

func TestARefusedCallIsRepeatedAfterThePauseForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, times := repeating(t, openweather.Config{}, says(429, "", "Retry-After", "2"), says(429, ""), says(200, fine))
		var wg sync.WaitGroup
		wg.Go(func() { temp(t, c, berlin()) })
		synctest.Wait()
		time.Sleep(time.Second)
		_, err := c.Geocode(t.Context(), openweather.Query{City: "x"}, 1)
		require.Error(t, err)
		wg.Wait()
		assert.Equal(t, 2*time.Second, (*times)[1])
		assert.Equal(t, 3*time.Second, (*times)[3], "a second, when no time is named")
	})
}

func TestARepetitionTakesATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, times := repeating(t, openweather.Config{Limiter: rate.NewLimiter(rate.Every(time.Hour), 1)}, says(429, `{"cod":429}`))
		_, err := c.Current(t.Context(), berlin())
		assert.Equal(t, "429", typed(t, err).Code)
		assert.Len(t, *times, 1)
	})
}

func TestAfter503ACallIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, times := repeating(t, openweather.Config{}, says(503, "", "Retry-After", "1"), says(503, ""), says(200, fine))
		temp(t, c, berlin())
		require.Len(t, *times, 3)
		assert.Equal(t, time.Second, (*times)[1])
		assert.Less(t, (*times)[2], 1500*time.Millisecond)

		c, times = repeating(t, openweather.Config{}, says(503, ""))
		_, err := c.Current(t.Context(), berlin())
		assert.Equal(t, "http_503", typed(t, err).Code)
		assert.Len(t, *times, 3)
	})
}

// Status and header tell what to do when the rest of a refusal does not come.
func TestARefusalWithoutItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, times := repeating(t, openweather.Config{}, func() *http.Response {
			a := reply(429, "", "Retry-After", "60")
			a.Body = io.NopCloser(iotest.ErrReader(errors.New("reset")))
			return a
		})
		_, err := c.Current(t.Context(), berlin())
		e := typed(t, err)
		assert.Equal(t, connectors.KindRateLimited, e.Kind)
		assert.Equal(t, time.Minute, e.RetryAfter)
		_, err = c.Current(t.Context(), berlin())
		assert.Equal(t, "paced", typed(t, err).Code)
		assert.Len(t, *times, 1)
	})
}

// A call that ends early, since whoever makes it has little time, is not the end
// for those who have more.
func TestWhoHasLittleTimeFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := stub(t, openweather.Config{Cache: keep}, func(*http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				time.Sleep(300 * time.Millisecond) // a part of the second
				return nil, &connectors.Error{Kind: connectors.KindTimeout, Message: "no answer in time"}
			}
			time.Sleep(time.Second)
			return reply(200, fine), nil
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Current(ctx, berlin())
			assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() { temp(t, c, berlin()) })
		}
		wg.Wait()
		assert.Equal(t, 2, calls)
	})
}
