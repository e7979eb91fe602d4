//go:build unix

package pagecache

import "golang.org/x/sys/unix"

// mapMemory reserves address space; the kernel backs it page by page on first use.
func mapMemory(n int64) ([]byte, func([]byte) error, error) {
	mem, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	return mem, unix.Munmap, err
}
