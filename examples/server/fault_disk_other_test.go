//go:build !linux

package main

import "testing"

func smallDisk(t *testing.T, _ int64) (dir string, ok bool) {
	t.Helper()
	return "", false
}
