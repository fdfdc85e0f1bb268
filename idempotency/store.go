package idempotency

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Key addresses a record: SHA-256 over the scope and the client's key, each
// with its length. No store sees either of them.
type Key [32]byte

// Token names one attempt to run a request: 128 random bits, made by the
// caller, so that an attempt can be told from every other one.
type Token [16]byte

// Fingerprint is the SHA-256 digest of what must be equal in two requests with
// the same key.
type Fingerprint [32]byte

// ErrLeaseLost is returned by [Store] when the token no longer owns the record:
// the lease ended and another attempt took over, or the record is gone.
var ErrLeaseLost = errors.New("idempotency: lease lost")

// ErrStoreFull is returned by a [Store] that has no room for a new claim.
var ErrStoreFull = errors.New("idempotency: store full")

// Store keeps one record per key. A record is absent, in flight, completed or
// released:
//
//	absent    -> in flight (token, fingerprint, lease, attempt 1)
//	in flight -> completed (record bytes) | released | in flight (take-over)
//	released  -> in flight (attempt + 1)
//	any       -> absent, when it expires
//
// Each method is one atomic step on the store's own clock, and every method
// may be called concurrently. A record in flight expires its TTL after the end
// of its lease, so that it outlives its owner and a take-over is known to be
// one. Methods must honor the context; the middleware bounds each call by
// [Config.StoreTimeout].
type Store interface {
	// Claim decides, in this order: an absent, expired or released record is
	// claimed; a record in flight with the request's own token stays claimed,
	// its lease renewed (so that Claim can be repeated); another fingerprint is a Mismatch, also
	// in flight; a completed record is a Replay; a live lease is Busy; a dead
	// one is taken over with the next attempt number.
	//
	// An error means that the outcome is unknown; the caller then releases the
	// token. ErrStoreFull means that nothing was claimed.
	Claim(ctx context.Context, req ClaimRequest) (Claim, error)
	// Extend renews the lease to the given length from now, also one that has
	// ended while nobody took over. It fails with ErrLeaseLost unless token owns
	// the record in flight.
	Extend(ctx context.Context, key Key, token Token, lease time.Duration) error
	// Complete stores rec, to be replayed until ttl has passed. It fails with
	// ErrLeaseLost unless token owns the record in flight, be its lease over or
	// not, or has completed it before: then the first rec stays. It must not
	// retain rec.
	Complete(ctx context.Context, key Key, token Token, rec []byte, ttl time.Duration) error
	// Release gives the claim back. The attempt number is kept for the TTL of
	// the claim; the fingerprint is not. Releasing what token does not own is
	// no error.
	Release(ctx context.Context, key Key, token Token) error
}

// ClaimRequest is the argument of [Store.Claim]. All fields are required.
type ClaimRequest struct {
	Key         Key
	Token       Token
	Fingerprint Fingerprint
	Lease       time.Duration // how long the claim holds without Extend
	TTL         time.Duration // how long the record outlives its lease
}

// ClaimState says what a [Claim] is.
type ClaimState int

// The results of [Store.Claim].
const (
	Claimed  ClaimState = iota + 1 // the caller owns the key and runs the request
	Replay                         // the request ran before; Record is its result
	Busy                           // another attempt is running
	Mismatch                       // the key belongs to a different request
)

// String returns the name of the state.
func (s ClaimState) String() string {
	switch s {
	case Claimed:
		return "Claimed"
	case Replay:
		return "Replay"
	case Busy:
		return "Busy"
	case Mismatch:
		return "Mismatch"
	default:
		return "ClaimState(" + strconv.Itoa(int(s)) + ")"
	}
}

// Claim is the result of [Store.Claim].
type Claim struct {
	State ClaimState
	// Attempt counts the claims of this key from 1. It grows when an earlier
	// attempt was released or its lease ended. Set when Claimed.
	Attempt int
	// Record is what Complete was given. Empty means completed, but not
	// replayable: the store dropped the bytes to make room. Set when Replay; it
	// must not be modified.
	Record []byte
	// RetryAfter is the rest of the other attempt's lease. Set when Busy.
	RetryAfter time.Duration
}

// Waiter is implemented by stores that can tell when a record in flight ends.
// Without it [Config.Wait] asks again and again.
type Waiter interface {
	// Wait returns nil when key is not in flight or its lease has ended, at
	// once when that is so already, and otherwise the error of ctx when it ends.
	Wait(ctx context.Context, key Key) error
}

// Purger is implemented by stores whose expired records have to be removed by
// somebody.
type Purger interface {
	// Purge removes at most limit expired records, all of them when limit is
	// not positive, and returns how many. It never removes another one.
	Purge(ctx context.Context, limit int) (int, error)
}
