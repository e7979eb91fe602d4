package pagecache

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// backed returns how many bytes of mem the kernel has backed with memory.
func backed(t *testing.T, mem []byte) int64 {
	t.Helper()
	pageBytes := os.Getpagesize()
	flags := make([]byte, (len(mem)+pageBytes-1)/pageBytes)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE,
		uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&flags[0])))
	if errno != 0 {
		t.Skipf("mincore: %v", errno)
	}
	n := int64(0)
	for _, f := range flags {
		n += int64(f&1) * int64(pageBytes)
	}
	return n
}

func TestMemoryGrowsWithUseOnly(t *testing.T) {
	if os.Getpagesize() != minBlockBytes {
		t.Skip("the kernel's pages are not the smallest blocks")
	}
	c := newCache(t, &script{}, Options{MemoryBytes: 1 << 30, PageBytes: 64 * kib, RunBytes: 1 << 20})
	if n := backed(t, c.arena.mem); n != 0 {
		t.Errorf("%d bytes backed before use", n)
	}
	for i := range 100 {
		v := version(fmt.Sprint(i), int64(i)*3000)
		readAll(t, c, v, 0, v.Size)
		c.fills.Wait()
	}
	used := c.arena.usedBytes()
	// Blocks are powers of two; of the last page of an object the rest is not touched.
	if n := backed(t, c.arena.mem); n > used || n < used/2 {
		t.Errorf("%d bytes backed, %d in use", n, used)
	}
	// What is let go is used again first.
	before := backed(t, c.arena.mem)
	for i := range 100 {
		old, v := version(fmt.Sprint(i), int64(i)*3000), version(fmt.Sprint("b", i), int64(i)*3000)
		c.EvictRange(old, 0, old.Size)
		readAll(t, c, v, 0, v.Size)
		c.fills.Wait()
	}
	if n := backed(t, c.arena.mem); n > before+before/4 {
		t.Errorf("%d bytes backed after as much was replaced, %d before", n, before)
	}
}
