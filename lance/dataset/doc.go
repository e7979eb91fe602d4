// Package dataset reads and writes Lance tables: their manifests, and the rows of their fragments.
//
// A table is a folder. Each version of it is a manifest below _versions/, which names the schema, the fragments (data
// files below data/ and deletion files below _deletions/) and the indexes (folders below _indices/):
//
//	_versions/{name}.manifest   data/{name}.lance   _deletions/{fragment}-{version}-{id}.{arrow|bin}   _indices/{uuid}/
//
// [Open] and [OpenVersion] give a [Dataset] of one version, which never changes. [Dataset.Scan] returns its live rows in
// batches, [Dataset.Take] rows by address; a row address is the fragment's id in the high 32 bits and the row's number in
// the fragment, deleted rows counted, in the low ones. [ReadManifest] reads a manifest alone. A generation of a MemWAL
// table is a dataset with one fragment and one version and is opened the same way.
//
// [Create] makes a table and [Commit] the next version of one: fragments that [WriteFragment] wrote are appended, rows deleted,
// indexes and a MemWAL added. A version is committed by creating its manifest, which of many writers one does; the others
// go on top of it if their changes still mean the same there, and fail with ErrConflict if not. Versions carry the
// transaction by which LanceDB decides the same about its own commits.
//
// Who owns what: a Dataset opens data files when rows are read and keeps up to Options.MaxOpenFiles of them open; Close
// closes them. Batches belong to the caller. A Dataset may be used by many goroutines at once; Close waits for nobody.
//
// Errors: ErrNotFound when there is no such version, ErrCorrupt for bytes that contradict themselves, ErrUnsupported for
// feature flags, base paths and files that are not known here: a table that might be misread is not read. ErrRow for an
// address that has no live row.
//
// The package does not merge generations with their table, does not use or build indexes, and removes nothing that an older
// version may need.
package dataset
