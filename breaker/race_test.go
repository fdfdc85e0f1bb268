//go:build race

package breaker_test

// raceEnabled says that the race detector allocates, and slows everything down.
const raceEnabled = true
