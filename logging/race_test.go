//go:build race

package logging_test

// raceEnabled shortens what is long and has no second goroutine.
const raceEnabled = true
