//go:build 386 || arm || mips || mipsle

package invariants

// Sizes of objects, offsets in them and hashes are held in ints, as they are on every processor that a cache of many
// gigabytes runs on. On one of 32 bits they would not fit, so there is no program for it: this line does not compile.
var _ = hearth_needs_a_processor_of_64_bits
