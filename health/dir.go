package health

import (
	"context"
	"errors"
	"os"
)

// DirWritable checks that a file can be made in dir, written through to the
// disk and removed: it fails on a full disk, a read-only mount and missing
// rights. The operating system offers no way to interrupt it; on a hung network
// mount the check is stuck until the mount answers. A process that is killed in
// the middle may leave a file named .health-* behind.
func DirWritable(dir string) Checker { return dirCheck(dir) }

type dirCheck string

func (dir dirCheck) validate() error {
	if dir == "" {
		return errors.New("no directory")
	}
	return nil
}

func (dir dirCheck) Check(context.Context) error {
	f, err := os.CreateTemp(string(dir), ".health-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("ok\n")
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
