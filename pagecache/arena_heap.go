//go:build !unix

package pagecache

// mapMemory takes the memory from the Go heap where there is no mmap.
func mapMemory(n int64) ([]byte, func([]byte) error, error) {
	return make([]byte, n), func([]byte) error { return nil }, nil
}
