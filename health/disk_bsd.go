//go:build aix || darwin || dragonfly || freebsd

package health

import "syscall"

func blocks(st *syscall.Statfs_t) space {
	return space{
		size: count(st.Blocks), free: count(st.Bavail), unit: count(st.Bsize),
		inodes: count(st.Files), freeInodes: count(st.Ffree),
	}
}
