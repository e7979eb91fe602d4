// Package fts reads, searches and builds the full-text indexes of Lance tables as LanceDB 0.39 does: same documents, same
// scores, same files.
//
// An [Index] consists of partitions, each with a dictionary, the documents and the posting lists of the terms:
//
//	metadata.lance           how the text was cut into terms, which partitions there are
//	part_{P}_tokens.lance    term -> number            (package fst)
//	part_{P}_docs.lance      document -> row, length
//	part_{P}_invert.lance    number -> posting list    (package postings)
//
// The form in a generation (files of version 2.0, one partition) and the form in a base table (files of the table's
// version, any number of partitions) are read alike. [Open] decodes the first three kinds of files and, unless they are
// large, the posting lists.
//
// A [Query] is a [Match], a [Phrase], a [Boolean] or a [Boost]. [Index.Search] turns its text into terms with the
// analyzer of the index (package analyzer), scores documents by BM25 and returns the best. Scores rest on figures of
// the whole index: how many documents there are, how long, how many hold a term. With [SearchOptions.Stats] they
// rest on other figures, such as the sum over several indexes, see [Stats]; without, scores of different indexes do not
// compare. Rows that a filter hides do not take places of others in the result.
//
// A [Memory] is an index that grows: it takes documents in batches and answers the same queries at any time, through a
// snapshot of the lists that they need; [Memory.Write] makes the index of a generation of it. A [Builder] makes the index
// of a column of any size, in partitions that keep a budget of memory. Texts are cut into terms on all processors, and
// equal documents in equal batches make equal files.
//
// An Index never changes and any number of goroutines may search it; it holds memory of its own, see
// [Index.SizeBytes], and, if posting lists are read on demand, open files until [Index.Close].
//
// Errors: [ErrCorrupt] for bytes that contradict themselves, [ErrUnsupported] (also the analyzer's) for indexes of a
// kind that is not read, with its name, [ErrQuery] for queries that make no sense here, and
// [ErrTooLarge] for documents that a Memory has no room for. A damaged index is never a
// panic, and costs no more memory than its files account for.
//
// Scores are those of LanceDB to within rounding: terms are weighted in 32 bits as there, but summed in 64, so that the
// order in which pruning happens to visit them never shows. Equal scores come in the order of rows; LanceDB leaves it open.
//
// What a caller has to know of LanceDB 0.39: rows that were deleted, or belong to fragments that are gone, stay in the
// figures of an index until it is rebuilt, so hide them with the filter and let them count. Rows of a base table that
// no index covers yet it scores with the figures of the index and of those rows together (a [Scorer] over the sum), and
// rows of the index with those of the index alone. In a table with generations each source is scored by itself.
//
// One deviation is on purpose: with a filter and a limit, LanceDB can lose good matches of a boolean or boost query that
// it finds with a higher limit. Here the limit never changes what is best.
//
// Not covered: fuzzy matching and its expansion limits, posting blocks of 256 documents (format version 3), formats
// before version 2, JSON documents, and list columns with a document per element. Searching several columns at once is a
// search in each index; the best score of a row is the row's.
package fts
