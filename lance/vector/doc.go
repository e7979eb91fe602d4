// Package vector searches for nearest vectors: through the index that Lance builds into
// every flushed generation (IVF_HNSW_SQ with a single partition), and by exact scan
// where there is no such index. It builds such indexes too.
//
// An Index is that index, loaded whole:
//
//	auxiliary.idx   _rowid  __sq_code       one byte for each dimension of each vector
//	index.idx       __vector_id  __neighbors  _distance    the graph, level by level
//
//	query -> graph or codes: candidates, by approximate distance
//	      -> rows that are not allowed are left out, before anything is cut
//	      -> Source: the candidates' own vectors, by exact distance -> K hits
//
// Distances that come out are always exact ones, of the vectors in the data file: L2
// squared, cosine as 1 - cos, dot as 1 - dot. LanceDB itself returns approximate ones
// from a generation, and for cosine wrong ones: it codes vectors as they are, without
// normalising, and compares the codes by L2. The graph of a cosine table is therefore a
// graph of L2 neighbours. Where vectors have about one length that is the same order,
// and the graph is used; where they have not, the codes are scanned for the angle; and
// where bytes cannot tell the vectors apart (one long vector among short ones), every
// vector is compared. The graph of a dot table joins hubs instead of neighbours and is
// never used. Nor is one that does not find what it should when it is tried on opening:
// where many vectors are equal, as zeros are that stand for a missing embedding, walks end
// among them. Plan says which of the three it was.
//
// A Source gives the vectors of rows: Column from a Lance file, Memory from memory. Rows
// are numbered as in the index's _rowid, which for a generation is the offset in its data
// file.
//
// Build makes an index of vectors in memory, on all processors and always the same one for
// the same vectors; Built.Write writes it. Distances while building are those of codes,
// in whole numbers. Unlike LanceDB's, the index of a cosine table codes vectors at length
// 1, so that LanceDB too ranks them rightly through it.
//
// Ownership: an Index holds no file and no Arrow memory, and is safe for concurrent
// use; so is a Column, which borrows its file. Results belong to the caller.
//
// Errors: a KindError, which is ErrUnsupported and names the kind, for every other kind
// of index, so that the caller can scan instead and say why; ErrCorrupt for files that
// contradict themselves; ErrQuery for a query that cannot be answered.
//
// A distance that is not a number (a vector with NaN, or one without length under
// cosine) is no hit, as in LanceDB, and takes no place of others. A null item in a vector
// counts as the number stored in its place, as there. The package reads no index of the
// base table but for its kind, unless it is one of this kind with one partition, and
// builds no other.
package vector
