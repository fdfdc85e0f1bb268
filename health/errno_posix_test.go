//go:build unix

package health_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/health"
)

func TestFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			err := &os.PathError{Op: "write", Path: "/data/app.db", Err: errno}
			h := open(t, health.Config{}, health.Check{Name: "disk", Checker: fails(err)})
			assert.Equal(t, "disk_full", only(t, h.Evaluate(t.Context())).Reason)
		})
	}
}
