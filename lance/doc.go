// Package lance is the root of a reader and writer for Lance, the columnar format of LanceDB tables, in pure Go. It holds no code; the
// parts are:
//
//	storage   opens, lists and puts objects: the interface that everything below reads and writes through
//	pb        the protobuf messages of files and tables
//	schema    field trees and their Arrow types
//	file      files of versions 2.0, 2.1 and 2.2 to Arrow record batches, and back
//	dataset   versions, fragments, deletions: scans and takes of a table's rows, and commits
//
// and next to them the indexes of tables and the objects of their write-ahead log. Arrows point down that list: file knows
// storage, pb and schema, dataset knows file. Nothing here knows HTTP, S3 or a cache.
//
// What is read has been compared bit by bit with what LanceDB 0.39 reads from the same tables, over all types, nesting,
// versions and encodings that it writes by default and most that it can be told to write. Known and refused by name are packed
// structs, blob columns, fixed-size lists of structs, structs without fields inside of others, the sparse layout of version
// 2.3, files in other base paths, and overlays. JSON columns come as they are stored, in the binary form that their
// extension type lance.json names; LanceDB turns them into text.
//
// What is written has been read by LanceDB 0.39 and compared the same way, and used by it: indexed, searched, updated, merged
// into, compacted.
package lance
