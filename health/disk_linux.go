package health

import "syscall"

// blocks counts in units of the fragment size (statvfs(3)): the block size is
// what transfers best, and with FUSE is often a large multiple of it.
func blocks(st *syscall.Statfs_t) space {
	unit := st.Frsize
	if unit == 0 {
		unit = st.Bsize
	}
	return space{
		size: count(st.Blocks), free: count(st.Bavail), unit: count(unit),
		inodes: count(st.Files), freeInodes: count(st.Ffree),
	}
}
