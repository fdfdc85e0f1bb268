package discord_test

import (
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

// A refused message waits behind the pause that holds for all, and nobody passes
// while it waits.
func TestNobodyPassesWhileARefusedMessageWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, times := script(t, discord.Config{}, answer(429, `{"retry_after":1.5}`, "Retry-After: 2"))
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				_, err := w.Send(t.Context(), hello)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		const at = 1500 * time.Millisecond
		assert.Equal(t, []time.Duration{0, at, at, at}, *times)
	})
}

func TestARefusedMessageIsRepeatedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, times := script(t, discord.Config{},
			answer(429, `{"retry_after":1}`), answer(429, `{"retry_after":2}`), answer(429, `{"retry_after":3}`))
		_, err := w.Send(t.Context(), hello)
		e := typed(t, err)
		assert.Equal(t, 3*time.Second, e.RetryAfter)
		assert.False(t, e.Unsent)
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second}, *times)
		_, err = w.Send(t.Context(), hello)
		require.NoError(t, err)
		assert.Equal(t, 6*time.Second, (*times)[3])
	})
}

// What was posted may have been when 503 comes.
func TestAfter503AMessageIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, times := script(t, discord.Config{}, answer(503, "", "Retry-After: 0"))
		_, err := w.Send(t.Context(), hello)
		assert.Equal(t, connectors.KindServer, typed(t, err).Kind)
		assert.Len(t, *times, 1)
	})
}

// Status and header tell what to do when the rest of a refusal does not come.
func TestARefusalWithoutItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := answer(429, "", "Retry-After: 60")
		a.Body = io.NopCloser(iotest.ErrReader(errors.New("reset")))
		w, times := script(t, discord.Config{}, a)
		_, err := w.Send(t.Context(), hello)
		e := typed(t, err)
		assert.Equal(t, connectors.KindRateLimited, e.Kind)
		assert.Equal(t, time.Minute, e.RetryAfter)
		_, err = w.Send(t.Context(), hello)
		assert.Equal(t, "paced", typed(t, err).Code)
		assert.Len(t, *times, 1)
	})
}
