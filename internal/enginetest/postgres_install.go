package enginetest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// postgresBin finds the directory with the programs of the server. Debian keeps
// it out of PATH, one for each version.
func postgresBin() (string, bool) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if dir := filepath.Dir(path); complete(dir) {
			return dir, true
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", false
	}
	newest, found := "", 0.0
	for _, dir := range dirs {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && version > found && complete(dir) {
			newest, found = dir, version
		}
	}
	return newest, newest != ""
}

func complete(dir string) bool {
	return exists(filepath.Join(dir, "initdb")) && exists(filepath.Join(dir, "postgres"))
}

// postgresUser returns whom the server runs as: PostgreSQL refuses root.
func postgresUser() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("postgres does not run as root, and there is neither a user postgres nor nobody")
}

// postgresDir makes the directory for data and log. It belongs to the server's
// user, who may not reach the temporary directory of a test of root.
func postgresDir(owner *account) (string, error) {
	parent := os.TempDir()
	if owner != nil {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "bracework-postgres-")
	if err != nil || owner == nil {
		return dir, err
	}
	if err := os.Chown(dir, int(owner.uid), int(owner.gid)); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}
