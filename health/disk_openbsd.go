package health

import "syscall"

func blocks(st *syscall.Statfs_t) space {
	return space{
		size: count(st.F_blocks), free: count(st.F_bavail), unit: count(st.F_bsize),
		inodes: count(st.F_files), freeInodes: count(st.F_favail),
	}
}
