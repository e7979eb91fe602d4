// Package schema turns the flattened fields of Lance files and manifests into a tree, and the tree into an Arrow schema.
//
// A [Field] is one column or a part of one: id, name, logical type as Lance writes it, the Arrow type that stands for it,
// and children for lists, structs and maps. Ids are what data files refer to; they survive renames and are equal in a
// table and its generations. A [Schema] is the top-level fields with the schema's metadata.
//
// Schemas are immutable once made and may be shared between goroutines.
//
// Errors: a list of fields that is no tree is [ErrMalformed]. A logical type that this package does not know is
// [ErrUnsupported], names the type, and stays with its field ([Field.Unsupported]): a table with one strange column can be
// read but for that column. Nothing is guessed: an unknown type never becomes a known one.
package schema
