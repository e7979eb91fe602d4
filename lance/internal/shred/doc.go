// Package shred takes Arrow arrays apart into the leaves that files store.
//
// A [Leaf] is one leaf of a field: its values, without those that no level stands for, and for each value or absence a
// repetition and a definition level. Levels are numbered as if everything in the [Path] from the field to the leaf could be
// absent; a page numbers those that occur. A [Tree] is the same for version 2.0, where lists and structs are columns with
// offsets instead.
//
// Values are copied: an array may be released once it was appended. Memory for values comes from an Arrow allocator and is
// given back by Release. Leaves and trees belong to one goroutine.
//
// Errors are fault.ErrUnsupported, by name, for types that have no column.
package shred
