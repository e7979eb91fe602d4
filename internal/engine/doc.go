// Package engine runs queries on Lance tables for many callers: the one HTTP API and the commands stand on.
//
//	Request ── admit ── table ── fresh enough? ── snapshot ── lsm ── batches ── Output
//	             │        │            │
//	             │        │            └ no: refresh, shared by those who wait for it
//	             │        └ kept open, the least recently used are closed
//	             └ so many run, so many wait, others are ErrBusy
//
// A [Request] is plain data, in words that people type: columns, a filter as text, keys as JSON, what to search for.
// [Engine.Run] turns it into a query of package lsm and hands the answer to an [Output], batch by batch, as fast as that
// takes them: memory is that of a few batches, however many rows there are. [Engine.Describe] says what a table consists
// of. A [Report] says how a query was answered, and what it cost.
//
// How fresh an answer is: it shows what was published before the request came, unless the request allows it to be
// older by MaxAge. Checking costs a few requests for mutable state; requests that wait at the same time share one check.
// A query on a snapshot whose objects are gone is asked once more on a fresh one, if nothing of its answer was handed out.
//
// Who owns what: the Engine borrows its store, cache of decoded objects and warmer, and owns the tables that it opened.
// Batches are borrowed by the Output until its method returns. An Engine is safe for concurrent use; Close ends what
// runs and waits for it.
//
// [Writers] are the other direction: the writers of tables, opened by the first request that writes, closed when they are
// idle, with one bound for the memory of all of them.
//
//	Rows ── batch ── room? ── lsm/writer ── durable ── ... ── flush ── warm ── published
//	                  └ no: the largest table is flushed, who waits too long is ErrNoRoom
//
// A request brings [Rows], batch by batch, in the schema that it is asked for; each batch is durable before the next is
// taken. [CreateTable] makes tables. A writer that lost a shard says so to the request that finds out, and takes it back
// for the next.
//
// Errors are those of package lsm, context errors as they are, *Invalid for a field that makes no sense, ErrBusy,
// ErrClosed. A query that fails or is cancelled leaves nothing behind.
//
// The package speaks no protocol, and authorizes nobody: who may ask for which table is for the caller to decide.
package engine
