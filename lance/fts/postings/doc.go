// Package postings encodes and decodes the posting lists of Lance's full-text indexes (format version 2): for one term the documents
// that hold it in ascending order, how often, and where.
//
// A [List] is a view of the bytes of one term, as the columns of the index file give them. It is cut into blocks of
// [BlockDocs] documents, the last one shorter:
//
//	full block  | f32 max score | u32 first doc | u8 w | 16*w bytes: doc deltas | u8 w | 16*w bytes: frequencies |
//	last block  | f32 max score | varint doc deltas, the first absolute | varint frequencies |
//
// Deltas and frequencies of a full block are bit-packed, w bits each, in four interleaved lanes: value i belongs to
// lane i mod 4, and word k of lane j is the little-endian u32 number 4k+j.
//
//	impacts     one blob per block, then one per 32 blocks
//	            | varint last doc | varint pairs | (freq, length) pairs, ascending in both |
//	positions   per block, for each document as many as its frequency, deltas within the document
//	            | u8 w | 16*w bytes | ...groups of 128... | varints: the rest |
//
// The impact pairs are the documents of a block that no other beats in frequency and shortness at once; the best score
// among them under any statistics bounds the block's. Lengths in them are rounded down to a byte ([DecodeLength]).
// The stored maximum scores hold for the statistics of the index partition alone, so nothing here uses them.
//
// [Lists] take documents as they come and make the bytes of a list at any time, the same as LanceDB does, impacts
// included; [Encode] does so for one list at once.
//
// A [Cursor] walks a List. It belongs to one goroutine; the List under it may be shared. Every number is checked before
// it is used: bytes that break the format give [ErrCorrupt], and nothing is allocated that the input does not bound.
package postings
