package idempotencytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func recordRules() []rule {
	return []rule{
		{
			name:    "a record that cannot be read counts as run",
			explain: "Garbage in a store, or a record of a newer version, must become neither a response nor a second run.",
			run:     unreadable,
		},
		{
			name:    "a record with one wrong byte is not replayed",
			explain: "A response that was damaged in a store looks whole to the client.",
			run:     wrongByte,
		},
	}
}

// damaged runs the usual request, and returns a function that asks for its
// replay with the record changed. That function asserts a refusal unless it
// got a response, which it returns.
func (s *subject) damaged() (record []byte, replay func(record []byte) (got reply, answered bool)) {
	key := newKey()
	var mu sync.Mutex
	var original, changed []byte
	s.faults.fail(hooks{claim: func(_ context.Context, next func() (idempotency.Claim, error)) (idempotency.Claim, error) {
		claim, err := next()
		if err == nil && claim.State == idempotency.Replay {
			mu.Lock()
			defer mu.Unlock()
			original = slices.Clone(claim.Record)
			if changed != nil {
				claim.Record = changed
			}
		}
		return claim, err
	}})
	first := s.post(key)
	s.replayOf(first, s.post(key))
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(s, original, "record of the response")
	return original, func(record []byte) (reply, bool) {
		mu.Lock()
		changed = record
		mu.Unlock()
		got := s.post(key)
		if s.isReplay(got) || got.status < 400 {
			return got, true
		}
		s.unavailable(got)
		return got, false
	}
}

func unreadable(s *subject) {
	record, replay := s.damaged()
	garbage := make([]byte, 200)
	_, _ = rand.Read(garbage)
	garbage[0] = ^record[0]
	records := map[string][]byte{
		"empty":          {},
		"one byte":       record[:1],
		"cut in half":    record[:min(10, len(record)/2)],
		"garbage":        garbage,
		"zeros":          make([]byte, len(record)),
		"JSON":           []byte(`{"status":201,"body":"e30="}`),
		"newer version":  newerVersion(record),
		"spaces at head": append([]byte("   "), record...),
	}
	for what, changed := range records {
		got, answered := replay(changed)
		assert.False(s, answered, "%s: answered with %d %s", what, got.status, got.body)
	}
	s.ran(1)
}

// newerVersion changes the byte behind the magic of a record.
func newerVersion(record []byte) []byte {
	changed := bytes.Clone(record)
	if len(changed) > 3 {
		changed[3]++
	}
	return changed
}

func wrongByte(s *subject) {
	record, replay := s.damaged()
	var answers []string
	for i := range record {
		changed := bytes.Clone(record)
		changed[i] ^= 0x01
		if got, answered := replay(changed); answered {
			answers = append(answers, fmt.Sprintf("byte %d of %d: %d %s", i, len(record), got.status, got.body))
		}
	}
	for i := 1; i < len(record); i++ {
		if got, answered := replay(record[:i]); answered {
			answers = append(answers, fmt.Sprintf("cut after %d of %d bytes: %d %s", i, len(record), got.status, got.body))
		}
	}
	assert.Empty(s, answers, "damaged records that were replayed")
	s.ran(1)
}
