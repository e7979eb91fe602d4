// Package values decodes the compressive encodings of Lance 2.1 and 2.2 pages.
//
// [New] turns the description of a page's values into a [Decoder] that appends to a sink.Leaf. For each chunk, Load takes
// the chunk's buffers and Append adds a run of its values to the leaf, so that rows in one chunk cost its decompression
// once. [Block] decodes things that are stored as one buffer: levels and dictionaries.
//
// A Decoder has scratch memory and belongs to one goroutine. Between Load and the last Append of a chunk it borrows the
// chunk's bytes.
//
// Errors are fault.ErrCorrupt or fault.ErrUnsupported with the name of the encoding. Sizes are checked against the buffers
// before anything is read or made; runs and compressed blocks grow at most to what the chunk says it holds.
package values
