// Package bloom reads and writes bloom_filter.bin, the split-block bloom filter that
// Lance keeps beside every flushed generation to answer "is this primary key in here?"
// with "no" or "perhaps".
//
// A Filter is the file: blocks of 32 bytes without a header, each eight little-endian
// words of 32 bits. A 64-bit hash chooses one block and one bit in each of its words:
//
//	hash   63..............32 31...............0
//	       block = hi*n >> 32  bit(i) = lo*salt[i] mod 2^32 >> 27
//
// That is Parquet's geometry with another hash: a Key collects the primary-key values
// of one row and hashes them as Rust's default hasher does, SipHash-1-3 with a zero key.
//
// Only the types that Lance hashes by value may be asked: see Supported. For any other
// type the writer's filter holds nothing usable, so MayContainRow answers "perhaps".
//
// Ownership: FromBytes takes the bytes over without a copy. A Filter may be read from
// many goroutines; Add needs the caller's exclusion. A Key belongs to one goroutine.
//
// Errors: ErrCorrupt for bytes that cannot be a filter. The package does no I/O, and no
// sizing by false-positive rate beyond SizeFor: readers take any length, and Lance
// writes one fixed size.
package bloom
