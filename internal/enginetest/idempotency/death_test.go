package idempotency_test

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// wide is for waiting on what has no promised time, on a machine that is busy.
const wide = 30 * time.Second

// pair is two replicas of a service, of which the test kills or stops the
// first.
type pair struct {
	s      shared
	o      *opened
	client *http.Client
	heir   string
}

func newPair(t *testing.T, engine string) *pair {
	t.Helper()
	s := start(t, engine)
	return &pair{s: s, o: mustOpen(t, s), client: newClient(t), heir: "http://" + enginetest.Child(t, replica, s.engine, s.addr).Addr}
}

func (p *pair) owner(t *testing.T) *enginetest.Process {
	t.Helper()
	return enginetest.Child(t, replica, p.s.engine, p.s.addr)
}

func (p *pair) awaitEffects(t *testing.T, key string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n, err := p.o.count(t.Context(), key)
		return err == nil && n == want
	}, wide, 5*time.Millisecond)
}

func TestOwnerKilledInItsHandler(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine, redisEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p, slowest := newPair(t, engine), time.Duration(0)
			for i := range rounds() {
				key := "killed-" + strconv.Itoa(i)
				owner := p.owner(t)
				go post(t.Context(), p.client, "http://"+owner.Addr+"/effect", key, 60000)
				p.awaitEffects(t, key, 1)
				owner.Kill()
				killed := time.Now()
				got := postUntil(t, p.client, p.heir+"/effect", key, childLease+wide)
				slowest = max(slowest, time.Since(killed))
				assert.Equal(t, "2", got.attempt, "the heir knows that it is not the first")
			}
			t.Logf("taken over within %v of the death, at a lease of %v", slowest, childLease)
			assert.Less(t, slowest, childLease+5*time.Second, "wide, for a machine that is busy")
		})
	}
}

// Wherever the kill falls, the row is there exactly once in the end.
func TestOwnerKilledInItsTransaction(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, engine)
			for i := range rounds() {
				key := "tx-" + strconv.Itoa(i)
				owner := p.owner(t)
				answered := make(chan reply, 1)
				go func() { answered <- post(t.Context(), p.client, "http://"+owner.Addr+"/tx", key, 20) }()
				<-time.After(time.Duration(rand.IntN(60)) * time.Millisecond) // anywhere from before the claim to after the answer
				owner.Kill()
				first := <-answered
				got := postUntil(t, p.client, p.heir+"/tx", key, childLease+wide)
				if first.status == http.StatusCreated {
					assert.Equal(t, first.body, got.body, "what a client was told stays")
				}
				n, err := p.o.count(t.Context(), key)
				require.NoError(t, err)
				assert.Equal(t, 1, n, "round %d, first %+v, then %+v", i, first, got)
			}
		})
	}
}

func TestOwnerStoppedPastItsLease(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{postgresEngine, redisEngine, sqliteEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, engine)
			owner := p.owner(t)
			answered := make(chan reply, 1)
			go func() { answered <- post(t.Context(), p.client, "http://"+owner.Addr+"/effect", "stopped", 300) }()
			p.awaitEffects(t, "stopped", 1)
			owner.Stop()
			second := postUntil(t, p.client, p.heir+"/effect", "stopped", childLease+wide)
			assert.Equal(t, "2", second.attempt)
			owner.Continue()
			first := <-answered
			assert.Equal(t, http.StatusCreated, first.status, "its own client is answered")
			assert.Equal(t, "1", first.attempt)
			again := post(t.Context(), p.client, p.heir+"/effect", "stopped", 0)
			assert.True(t, again.replayed)
			assert.Equal(t, second.body, again.body, "the stale owner has overwritten nothing")
		})
	}
}

// On SQLite the open transaction itself keeps others from taking over.
func TestOwnerStoppedInItsTransaction(t *testing.T) {
	t.Parallel()
	p := newPair(t, postgresEngine)
	owner := p.owner(t)
	answered := make(chan reply, 1)
	go func() { answered <- post(t.Context(), p.client, "http://"+owner.Addr+"/tx", "stopped", 300) }()
	require.Eventually(t, func() bool { // the claim is there
		var n int
		err := p.o.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM idempotency_records").Scan(&n)
		return err == nil && n == 1
	}, wide, time.Millisecond)
	owner.Stop()
	second := postUntil(t, p.client, p.heir+"/tx", "stopped", childLease+wide)
	owner.Continue()
	first := <-answered
	n, err := p.o.count(t.Context(), "stopped")
	require.NoError(t, err)
	assert.Equal(t, 1, n, "only one of them has committed")
	assert.Equal(t, "2", second.attempt)
	assert.Equal(t, http.StatusConflict, first.status, "the stale owner was rolled back: %+v", first)
	assert.Equal(t, second.body, post(t.Context(), p.client, p.heir+"/tx", "stopped", 0).body)
}
