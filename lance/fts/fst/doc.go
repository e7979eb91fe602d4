// Package fst reads and builds the ordered byte-string maps of the Rust crate fst, version 3 of its format, which hold the term
// dictionaries of Lance's full-text indexes.
//
// Such a map is a finite-state transducer: a directed graph without cycles whose paths from the root to final nodes
// spell the keys, and whose outputs summed along a path give the value. Nodes are written children first:
//
//	0        8        16                                      n-20     n-12    n-4    n
//	| version | type   | nodes ...                      (root) | keys  | root  | crc  |
//	| u64 = 3 | u64    |                                       | u64   | u64   | u32  |
//
// All numbers are little-endian; crc is the masked CRC-32C of everything before it. A node is addressed by its last
// byte, its state, and read downwards from there. Address 0 is the final node without transitions.
//
//	state 11cccccc  one transition with output 0 to the node that ends just below this one; not final
//	                [input byte if c = 0]
//	state 10cccccc  one transition; not final
//	                [input byte if c = 0] [sizes] [delta] [output]
//	state 0Fnnnnnn  n transitions; final if F
//	                [count byte if n = 0, 1 meaning 256] [sizes] [256-byte index if count > 32]
//	                [inputs] [deltas] [outputs] [final output if F]
//
// c > 0 stands for the c-th of 63 frequent bytes. The high half of sizes is the width in bytes of each delta, the low
// half that of each output. A delta is the distance from the node's lowest byte to the target's address, 0 meaning
// address 0. Inputs, deltas and outputs of transition 0 lie nearest the state.
//
// A [Map] keeps the bytes it was opened on and decodes nodes as it goes; it allocates nothing for a lookup and is safe
// for concurrent use. Every target must lie below its node, so no walk can run in circles: bytes that say otherwise,
// or that point outside, give [ErrCorrupt].
//
// A [Builder] takes keys in ascending order, [ErrOrder] otherwise, and makes the bytes that the crate would make.
package fst
