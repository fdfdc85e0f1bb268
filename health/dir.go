package health

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
)

// DirWritable checks that a file can be made in dir, written through to the
// disk and removed again: it fails on a full disk or quota, reason disk_full,
// on a read-only mount, on missing rights, and when the file cannot be removed,
// since the next ones would pile up.
//
// The operating system offers no way to interrupt it; on a hung network mount
// the check is stuck until the mount answers. A process that is killed in the
// middle leaves one file of 4 KiB behind, named .health-*; nothing removes it,
// because another process may be at it. Each run costs a write to the disk:
// [Check.Every] fits it. It is refused for liveness.
func DirWritable(dir string) Checker { return dirCheck(dir) }

type dirCheck string

// probeSize is what no file system keeps beside the name of a file: a few bytes
// find room there while the disk is full.
const probeSize = 4 << 10

func (dir dirCheck) validate() error {
	if dir == "" {
		return errors.New("no directory")
	}
	return nil
}

func (dirCheck) remote() bool { return true }

func (dir dirCheck) Check(context.Context) error {
	if err := dir.validate(); err != nil { // CreateTemp would take the system's directory instead
		return fmt.Errorf("health: %w", err)
	}
	f, err := os.CreateTemp(string(dir), ".health-*")
	if err != nil {
		return err
	}
	_, err = f.Write(probe())
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// probe returns what does not compress either.
func probe() []byte {
	b := make([]byte, probeSize)
	_, _ = rand.Read(b) // never fails
	return b
}
