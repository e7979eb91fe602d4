// Package pb decodes and encodes the protobuf messages of Lance files and tables.
//
// The messages are plain structs, one function each, read field by field with protowire: only what a reader needs, by
// field number. Unknown fields are skipped; where a message may be written again (manifests and what they hold) their
// raw bytes are kept in an Unknown field. Every message is checked against the bytes that are there, nesting is limited,
// and no length is trusted: memory used is proportional to the input.
//
// Byte fields and Unknown alias the input, which must not be changed afterwards. Decoded messages are not written to and
// may be shared.
//
// [Manifest.Append] and its like write a message field by field, as generated code would: what was decoded and is encoded again
// has the same bytes, but for the order of maps.
//
// Errors wrap [ErrMalformed] (the bytes are no such message) and say the message and the field. The caller adds object
// and offset.
package pb
