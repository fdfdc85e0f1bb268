//go:build race

package ratelimit_test

// raceEnabled shortens what is long and has no second goroutine.
const raceEnabled = true
