// Package memwal reads and writes the small objects that make a Lance table an
// LSM tree: shard manifests, write-ahead-log entries, the sharding arithmetic and
// the MemWAL section of the base table's manifest.
//
// Below a table, one directory per shard holds everything:
//
//	{table}/_mem_wal/{shard uuid}/
//	    manifest/{rev64(version)}.binpb     ShardManifest, one object per version
//	    manifest/version_hint.json          {"version":N}, best effort
//	    wal/{rev64(position)}.arrow         Entry, one object per position
//	    {8 hex}_gen_{generation}/           a flushed generation, itself a dataset
//
// rev64 writes the 64 binary digits of a number least significant digit first, so
// that consecutive objects spread over an object store's key space. Versions,
// positions and generations count from 1; generation 0 means the base table.
//
// A ShardManifest is the only thing that publishes a generation: until the newest
// manifest of the shard names a directory, nothing below that directory may be
// relied on. Lance's newer text calls a flushed generation an SSTable; the type
// here carries that name.
//
// Ownership: decoders copy what they keep, so the caller may reuse its input as
// soon as they return. Values are plain data without locks; share them between
// goroutines only for reading. Entry holds Arrow record batches and must be
// released.
//
// Errors: ErrCorrupt says that bytes do not follow the format (a length that
// passes the end, a directory name that is a path, a missing version);
// ErrUnsupported says that they do, but ask for something this package does not
// know. Fields that are unknown are neither: they are kept and written back.
//
// The package does no I/O, knows no object store, and decides nothing: fencing,
// replay, flush and compaction belong to the engine above it.
package memwal
