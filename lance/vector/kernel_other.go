//go:build !amd64 || purego

package vector

// hasKernel says whether this processor can run squaredDistances.
func hasKernel() bool { return false }

// squaredDistances is there for processors that hasKernel names.
func squaredDistances(_, _ []byte, _ []uint64, _ []uint32, _ uint32) bool {
	panic("vector: no kernel for this processor")
}
