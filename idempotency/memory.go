package idempotency

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryConfig configures a [MemoryStore]. The zero value of each field is the
// default that its comment names.
type MemoryConfig struct {
	// MaxBytes caps the memory of all records. At the cap what ended first makes
	// room: the body of a completed record, which leaves a tombstone whose
	// request is answered with 409 and still never runs again, or a released
	// record, which loses its attempt number. When only tombstones and requests
	// in flight are left, claims of new keys fail with
	// [ErrStoreFull]. Default: 64 MiB, room for some 250,000 keys without
	// bodies; negative: no cap.
	MaxBytes int64
	// PurgeEvery is the pause between two runs of the janitor, which removes
	// expired records. An expired record has no effect before either; it only
	// takes room. Default: 1 h; negative: no janitor, call Purge.
	PurgeEvery time.Duration
}

// MemoryStore is a [Store] in the memory of one process, for one replica and
// for tests. It survives no restart. Its methods may be called concurrently,
// and after Close too.
type MemoryStore struct {
	start  time.Time
	max    int64
	bytes  atomic.Int64
	purged atomic.Int64 // when purgeSoon last ran, since start
	shards [memoryShards]memoryShard

	stop    chan struct{}
	once    sync.Once
	janitor sync.WaitGroup
}

const memoryShards = 32

// recordOverhead is what a record costs besides its bytes: the struct, its map
// entry and allocator slack, rounded up.
const recordOverhead = 256

var (
	_ Store  = (*MemoryStore)(nil)
	_ Waiter = (*MemoryStore)(nil)
	_ Purger = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty store and starts its janitor, one goroutine
// that [MemoryStore.Close] ends.
func NewMemoryStore(cfg MemoryConfig) *MemoryStore {
	setDefault(&cfg.MaxBytes, 64<<20)
	setDefault(&cfg.PurgeEvery, time.Hour)
	s := &MemoryStore{start: time.Now(), max: cfg.MaxBytes, stop: make(chan struct{})}
	for i := range s.shards {
		s.shards[i].records = map[Key]*memoryRecord{}
		s.shards[i].oldest.Store(noneEnded)
	}
	if cfg.PurgeEvery > 0 {
		s.janitor.Go(func() { s.purgeEvery(cfg.PurgeEvery) })
	}
	return s
}

// Close ends the janitor and waits for it. It returns nil and may be called
// more than once.
func (s *MemoryStore) Close() error {
	s.once.Do(func() { close(s.stop) })
	s.janitor.Wait()
	return nil
}

// MemoryStats is a snapshot of a [MemoryStore].
type MemoryStats struct {
	Records    int   // all records, expired ones that are not purged yet included
	InFlight   int   // claimed and neither completed nor released
	Tombstones int   // completed whose body was dropped to make room
	Bytes      int64 // counted against MaxBytes
}

// Stats counts the records. It looks at each of them, a shard at a time.
func (s *MemoryStore) Stats() MemoryStats {
	stats := MemoryStats{Bytes: s.bytes.Load()}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		stats.Records += len(sh.records)
		for _, rec := range sh.records {
			switch {
			case rec.state == memoryInFlight:
				stats.InFlight++
			case rec.state == memoryCompleted && len(rec.body) == 0:
				stats.Tombstones++
			}
		}
		sh.mu.Unlock()
	}
	return stats
}

// Claim implements [Store]. It does not block and ignores ctx.
func (s *MemoryStore) Claim(_ context.Context, req ClaimRequest) (Claim, error) {
	sh := s.shard(req.Key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	rec := sh.live(s, req.Key, now)
	if rec == nil {
		if s.bytes.Add(recordOverhead); s.full() {
			// Room is made in other shards, so this one is let go; the key may
			// have been claimed meanwhile.
			sh.mu.Unlock()
			room := s.makeRoom()
			sh.mu.Lock()
			now = s.now()
			if rec = sh.live(s, req.Key, now); rec != nil || !room {
				s.bytes.Add(-recordOverhead)
			}
			if rec == nil && !room {
				return Claim{}, ErrStoreFull
			}
		}
	}
	switch {
	case rec == nil:
		rec = &memoryRecord{key: req.Key}
		sh.records[req.Key] = rec
	case rec.state == memoryReleased:
		sh.unlink(rec)
	case rec.state == memoryInFlight && rec.token == req.Token:
		rec.attempt-- // the same attempt again
	case rec.fingerprint != req.Fingerprint:
		return Claim{State: Mismatch}, nil
	case rec.state == memoryCompleted:
		return Claim{State: Replay, Record: rec.body}, nil
	case now < rec.leaseEnd:
		return Claim{State: Busy, RetryAfter: rec.leaseEnd - now}, nil
	}
	rec.attempt++
	rec.wake()
	rec.state, rec.token, rec.fingerprint, rec.ttl = memoryInFlight, req.Token, req.Fingerprint, req.TTL
	rec.lease(now, req.Lease)
	return Claim{State: Claimed, Attempt: rec.attempt}, nil
}

// Extend implements [Store]. It does not block and ignores ctx.
func (s *MemoryStore) Extend(_ context.Context, key Key, token Token, lease time.Duration) error {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	rec := sh.owned(key, token, now)
	if rec == nil || rec.state != memoryInFlight {
		return ErrLeaseLost
	}
	rec.lease(now, lease)
	return nil
}

// Complete implements [Store]. It does not block and ignores ctx.
func (s *MemoryStore) Complete(_ context.Context, key Key, token Token, rec []byte, ttl time.Duration) error {
	return s.complete(key, token, bytes.Clone(rec), ttl)
}

// complete keeps body itself.
func (s *MemoryStore) complete(key Key, token Token, body []byte, ttl time.Duration) error {
	sh := s.shard(key)
	sh.mu.Lock()
	now := s.now()
	rec := sh.owned(key, token, now)
	if rec == nil || rec.state == memoryReleased {
		sh.mu.Unlock()
		return ErrLeaseLost
	}
	if rec.state == memoryInFlight {
		rec.wake()
		rec.state, rec.body, rec.ended = memoryCompleted, body, now
		s.bytes.Add(int64(cap(body)))
		if len(body) > 0 {
			sh.queue(rec)
		}
	}
	rec.expires = later(now, ttl)
	sh.mu.Unlock()
	s.makeRoom()
	return nil
}

// Release implements [Store]. It does not block and ignores ctx.
func (s *MemoryStore) Release(_ context.Context, key Key, token Token) error {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := s.now()
	if rec := sh.owned(key, token, now); rec != nil && rec.state == memoryInFlight {
		rec.wake()
		rec.state, rec.ended, rec.expires = memoryReleased, now, later(now, rec.ttl)
		sh.queue(rec)
	}
	return nil
}

// Wait implements [Waiter].
func (s *MemoryStore) Wait(ctx context.Context, key Key) error {
	for {
		done, rest := s.inFlight(key)
		if rest <= 0 {
			return nil
		}
		timer := time.NewTimer(rest)
		select {
		case <-done:
			timer.Stop()
			return nil
		case <-timer.C: // or the lease was renewed
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// inFlight returns the rest of the lease of key, and what tells the end of the
// attempt.
func (s *MemoryStore) inFlight(key Key) (<-chan struct{}, time.Duration) {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	rec := sh.records[key]
	if rec == nil || rec.state != memoryInFlight {
		return nil, 0
	}
	if rec.done == nil {
		rec.done = make(chan struct{})
	}
	return rec.done, rec.leaseEnd - s.now()
}

// now is monotonic: a step of the wall clock neither ends nor extends anything.
func (s *MemoryStore) now() time.Duration { return time.Since(s.start) }

// shard spreads by bits of the key, which is a digest.
func (s *MemoryStore) shard(key Key) *memoryShard {
	return &s.shards[binary.LittleEndian.Uint16(key[:])%memoryShards]
}

type memoryState uint8

const (
	memoryInFlight memoryState = iota + 1
	memoryCompleted
	memoryReleased
)

type memoryRecord struct {
	key         Key
	state       memoryState
	attempt     int
	token       Token
	fingerprint Fingerprint
	leaseEnd    time.Duration // since start, like expires and ended
	expires     time.Duration
	ended       time.Duration // when it was completed or released
	ttl         time.Duration
	body        []byte
	done        chan struct{} // closed when the attempt ends; nil when nobody waits
	queued      bool
	older       *memoryRecord // neighbors in the shard's queue
	newer       *memoryRecord
}

// lease sets the end of the lease, and the expiry far enough behind it that a
// take-over finds the record.
func (rec *memoryRecord) lease(now, lease time.Duration) {
	rec.leaseEnd = later(now, lease)
	rec.expires = later(rec.leaseEnd, rec.ttl)
}

// later is t + d, or the end of time where that overflows.
func later(t, d time.Duration) time.Duration {
	return t + min(d, math.MaxInt64-t)
}

// wake lets those go on who wait for the end of the attempt.
func (rec *memoryRecord) wake() {
	if rec.done != nil {
		close(rec.done)
		rec.done = nil
	}
}

type memoryShard struct {
	mu      sync.Mutex
	records map[Key]*memoryRecord
	first   *memoryRecord // what can make room, oldest first: bodies, and released records
	last    *memoryRecord
	oldest  atomic.Int64 // when first ended, or noneEnded; read without mu
}

// live returns the record of key, and removes it instead when it has expired.
func (sh *memoryShard) live(s *MemoryStore, key Key, now time.Duration) *memoryRecord {
	rec := sh.records[key]
	if rec != nil && now >= rec.expires {
		s.remove(sh, key, rec)
		return nil
	}
	return rec
}

// owned returns the record of key if token made its present state and it has
// not expired.
func (sh *memoryShard) owned(key Key, token Token, now time.Duration) *memoryRecord {
	rec := sh.records[key]
	if rec == nil || rec.token != token || now >= rec.expires {
		return nil
	}
	return rec
}
