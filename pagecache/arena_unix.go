//go:build unix

package pagecache

import "golang.org/x/sys/unix"

// mapMemory reserves address space; the kernel backs it page by page on first use, so an
// arena costs what was in use at most, and keeps that: freed blocks are used again rather
// than given back, the last freed first.
//
// MAP_NORESERVE is left out on purpose: a memory budget that the machine cannot meet at all
// is refused here, at start, and not by the OOM killer on the day the cache is full.
func mapMemory(n int64) ([]byte, func([]byte) error, error) {
	mem, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		advise(mem)
	}
	return mem, unix.Munmap, err
}
