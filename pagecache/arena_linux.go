package pagecache

import "golang.org/x/sys/unix"

// advise tells the kernel how the arena is used. Advice may be refused by a kernel that
// was built without it, which changes nothing but memory use.
//
// No huge pages: with them resident memory grows by 2 MiB where 4 KiB were touched, at
// once or later when the kernel collapses what it finds, so that it no longer shows what
// the cache holds; and the first touch, which a fill pays, took four times the CPU for a
// GiB (2.3 s against 0.55 s, on a virtual machine), while reading 4 or 64 KiB at random
// places was faster by no more than the noise.
//
// Not in core dumps: they would be as large as the cache, and full of other people's data.
func advise(mem []byte) {
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
}
