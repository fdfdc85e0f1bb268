package health

import (
	"os"
	"syscall"
	"unsafe"
)

const diskSupported = true

// diskSpace respects the quota of the account. NTFS has no fixed number of
// files.
func diskSpace(dir string) (space, error) {
	path, err := syscall.UTF16PtrFromString(dir)
	if err != nil {
		return space{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	proc := syscall.NewLazyDLL("kernel32.dll").NewProc("GetDiskFreeSpaceExW")
	if err := proc.Find(); err != nil {
		return space{}, err
	}
	var free, size uint64
	ok, _, err := proc.Call(
		uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // it takes addresses
	if ok == 0 {
		return space{}, &os.PathError{Op: "GetDiskFreeSpaceEx", Path: dir, Err: err}
	}
	return space{size: size, free: free, unit: 1}, nil
}
