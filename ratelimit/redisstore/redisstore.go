// Package redisstore keeps token buckets in Redis, through go-redis, so that all
// replicas of a service share them: one server, Sentinel, Cluster or a ring. It
// needs Redis 5 or what speaks like it, and is tested on Redis 7.0, alone and as
// a cluster.
//
// # Model
//
// A take is one small Lua script, sent by its hash (EVALSHA) and whole where the
// server does not know it: one round trip. The script reads the buckets, decides
// by the generic cell rate algorithm and writes; nobody sees a part of that. A
// refusal and a peek write nothing, but for a bucket whose tier has changed. Keys
// expire when their bucket is full, which loses nothing: a tenant that is idle
// costs no memory.
//
// A bucket is one key, of the prefix, a digest of the tenant, and the name of the
// limit where it has one:
//
//	ratelimit:{giszrYfBSKCiClunzV68qg}
//	ratelimit:{giszrYfBSKCiClunzV68qg}:daily
//
// The digest is 128 bits of SHA-256. It is the key's hash tag, so that in a
// cluster all limits of a tenant lie on one node, and [Store.TakeAll] takes them
// in one step and one round trip.
//
// # Guarantees
//
// While the server keeps what it has acknowledged, all replicas together admit
// what the tier says, whatever their clocks say. What Redis loses is full again:
//
//   - Replication is asynchronous: a fail-over forgets the takes that the new
//     master had not received, usually some milliseconds of them.
//   - A restart makes all buckets full, unless the server writes to disk.
//   - A server that is full of data evicts under maxmemory-policy volatile-ttl
//     the buckets that would be full soonest, which costs least. An allkeys policy
//     evicts any: whoever makes the server evict refills his bucket. Under
//     noeviction takes fail.
//   - A take that fails in the client may have been made on the server. go-redis
//     may send one twice over a new connection, which then costs twice. Neither
//     admits too much.
//
// Takes of different tenants in one TakeAll are no single step: they are taken
// tenant by tenant, and given back when a later one refuses. For that moment
// others find less in the first buckets; what is lost when the process ends
// just then, comes back at the rate of the tier.
//
// # Clock and precision
//
// Time is the server's. Where its clock steps back, or another node takes over
// whose clock is behind, nobody waits for more than one full bucket; where it
// steps forward, buckets refill by the step. Times are in whole microseconds, and
// what a take adds to them in nanoseconds, as in memory. Only tiers that take over
// 26 days to refill are counted in whole microseconds a token, rounded up.
//
// # Denials
//
// Who was refused is refused again without a call until, on this process's
// clock, the bucket has refilled, and for a second at most: [SourceDenyCache]. A
// flood of one tenant costs the server a call per admission. The wait is counted
// from before the refused call was sent, so that this process never refuses what
// the server would admit; clocks that run at different speed may be off by
// microseconds. Refunds and resets of this process count at once. Those
// elsewhere, a change of tier and back elsewhere, and buckets that the server has
// lost count within a second. After a call that failed the server is asked.
//
// # Timeouts
//
// No method waits for longer than [Config.Timeout], also where the client goes
// on: by default go-redis waits seconds, tries again, and does not look at the
// context while it reads. Calls that are given up and not over hold a goroutine
// until the client's own timeouts end them. When 256 of them do, further calls
// fail at once. After failures, [ratelimit.Limiter] leaves the store alone.
//
// Set redis.Options.ContextTimeoutEnabled, so that the client stops with the
// call. Without it, where connections die in silence, calls that were given up
// hold the client's pool until its ReadTimeout, 3 s by default, and Redis is
// used again that much later. A refused connection, too, is reported as no answer
// in time, since the client dials again and again; with MaxRetries -1 the log
// names the cause.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"
)

// The sources of decisions.
const (
	SourceRedis     ratelimit.Source = "redis"      // the server
	SourceDenyCache ratelimit.Source = "deny-cache" // a refusal that the server made before, and would make again
)

// Config configures a [Store]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// Prefix comes before the name of each key. It must not contain braces,
	// which would change where keys lie in a cluster. Default: "ratelimit:".
	Prefix string
	// Timeout bounds each method. Default: 50 ms; negative: off.
	Timeout time.Duration
	// DenyCache is how many denials are remembered, in 8 bytes each and 48 more
	// for those that ever were in use: at most ten million. Default: 10,000;
	// negative: none.
	DenyCache int
}

// Store is a [ratelimit.Store] in Redis, and a [ratelimit.MultiTaker],
// [ratelimit.Refunder] and [ratelimit.Resetter]. Its methods may be called
// concurrently.
type Store struct {
	client              redis.Scripter
	prefix              string
	timeout             time.Duration
	errTimeout          error
	start               time.Time // of the store's own clock
	take, refund, reset *redis.Script
	denials             *denials    // nil for none
	failing             atomic.Bool // the last call failed
	stuck               atomic.Int64
}

var (
	_ ratelimit.Store      = (*Store)(nil)
	_ ratelimit.MultiTaker = (*Store)(nil)
	_ ratelimit.Refunder   = (*Store)(nil)
	_ ratelimit.Resetter   = (*Store)(nil)
)

const (
	defaultPrefix    = "ratelimit:"
	defaultTimeout   = 50 * time.Millisecond
	defaultDenyCache = 10_000
	maxDenyCache     = 10_000_000
)

// New returns a Store in client, which stays the caller's to close: a
// [redis.Client], [redis.ClusterClient], [redis.Ring] or anything else that runs
// scripts. New does not call it: a service starts while Redis is down.
func New(client redis.Scripter, cfg Config) (*Store, error) {
	if v := reflect.ValueOf(client); client == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("redisstore: client is nil")
	}
	if cfg.DenyCache > maxDenyCache {
		return nil, errors.New("redisstore: Config.DenyCache is over ten million")
	}
	if strings.ContainsAny(cfg.Prefix, "{}") {
		return nil, errors.New("redisstore: Config.Prefix contains a brace")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.DenyCache == 0 {
		cfg.DenyCache = defaultDenyCache
	}
	s := &Store{
		client: client, prefix: cfg.Prefix, start: time.Now(),
		timeout: cfg.Timeout, errTimeout: fmt.Errorf("redisstore: no answer within %v", cfg.Timeout),
		take: redis.NewScript(takeScript), refund: redis.NewScript(refundScript), reset: redis.NewScript(resetScript),
	}
	if cfg.DenyCache > 0 {
		s.denials = newDenials(cfg.DenyCache)
	}
	return s, nil
}

// Take implements [ratelimit.Store]. When ctx is done its error is returned; a
// take that was on its way then may have been made.
func (s *Store) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	t, err := s.newTake(key, tier, cost)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	if d, ok := tier.NoBucket(cost); ok {
		return d, nil
	}
	if s.remembered(&t) {
		return t.decision, nil
	}
	bounded, cancel := s.bounded(ctx)
	defer cancel()
	takes := []*take{&t}
	if _, err := s.ask(bounded, takes, true); err != nil {
		return ratelimit.Decision{}, ofCaller(ctx, err)
	}
	return t.decision, nil
}

// Refund implements [ratelimit.Refunder].
func (s *Store) Refund(ctx context.Context, key string, tier ratelimit.Tier, cost int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := s.newTake(key, tier, cost)
	if err != nil || t.cost < 1 {
		return err
	}
	if _, ok := tier.NoBucket(cost); ok {
		return nil
	}
	bounded, cancel := s.bounded(ctx)
	defer cancel()
	return ofCaller(ctx, s.giveBack(bounded, []*take{&t}))
}

// Reset implements [ratelimit.Resetter].
func (s *Store) Reset(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	bounded, cancel := s.bounded(ctx)
	defer cancel()
	name, _ := s.names(key)
	_, err := s.call(bounded, s.reset, []string{name}, nil)
	s.denials.returned(s.denials.hash(key))
	return ofCaller(ctx, err)
}
