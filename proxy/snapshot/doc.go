// Package snapshot answers a table's mutable questions from a recent past: what LanceDB
// asks at the beginning of each query (listings, the hint and the existence of shard
// manifests, the newest version of the base table) is asked in the background, and served
// for as long as the operator allows the table to be out of date.
//
// A [Store] holds at most one snapshot of each table that is configured ([Table]). A
// snapshot is a set of answers of the origin, taken as a unit by one take:
//
//	take begins                                                     may be served until
//	    |--- shards: _mem_wal/, hints, manifests ---|--- base ---|         begin + bound
//	    |<-------------------------- age ----------------------------------------->|
//
// Each answer is the origin's own, whole: a listing's XML as it came, an object's headers,
// a 404. It was true at some moment of the take. The age that is compared with the bound
// counts from before the first question was sent, so what is served was true at some
// moment no longer ago than the bound. A take that lasts longer than the bound serves
// nothing.
//
// # The unit
//
// A generation that is compacted into the base table is first named by a new base version
// and then dropped by its shard's manifest. Who sees the shards without it has to see a
// base with it, or its rows are gone. So:
//
//	INVARIANT: who was given the state of a shard is never given, later, a state of the
//	base that is older than it.
//
// Within a snapshot that holds because the first question about the base is sent when the
// last one about the shards has been answered. From one snapshot to the next it holds
// because snapshots replace each other in the order in which they were taken, and only
// whole. What a snapshot does not hold:
//
//   - A question about the base goes to the origin. Its answer is newer than the snapshot's
//     shards, which is the harmless order, the one in which readers themselves read. Between
//     such an answer and later ones of the same or an overlapping snapshot, time may go back
//     by less than the bound.
//   - A numbered shard manifest no newer than the snapshot's newest goes to the origin: its
//     existence and its bytes are the same at any time.
//   - Any other question about the shards would show a newer state of them beside the older
//     base. It waits for a whole new take, itself included.
//   - If that fails, or where the question is one that no snapshot can hold (a listing of the
//     whole table, a request with other headers), the origin answers it, and before the answer
//     is passed on the snapshot is dropped and a take under way discarded ([Store.Passed]).
//
// A client's query consists of several requests, and may straddle two snapshots. Shards
// from the older, base from the newer is the order of a reader that is slow. LanceDB reads
// the base first, at open or at each query, and the shards afterwards: at the origin it
// loses a compacted generation's rows if the shard drops the generation more quickly
// after the base version that holds it than the reader goes from one to the other, which
// is why compaction leaves it named for a grace period. Hearth makes that reader slower by
// at most the bound, once.
//
// Listings from above a table are not about it: the origin answers them, and they change
// nothing here. Below generations other rules hold (package publication), and the
// write-ahead log is always read at the origin.
//
// # Writers
//
// A table that is written through this process ([Store.Wrote]) has no snapshot from before the
// write is sent until [Options.Quiet] after its last write: writers read what they wrote,
// and decide upon what is current. Should one read here and write elsewhere, its conflict
// (409, 412) drops the snapshot, wherever it shows.
//
// # In the background
//
// A table has one goroutine, which takes one snapshot after the other, a new one when the
// last is half as old as it may become, while somebody asked within [Options.Idle]. A take
// asks again, in one round trip each for shards and base, what the one before it held, and
// follows what it finds: the version that the hint names, those behind it until none
// exists, the newest, the newest version of the base. So a commit is in the next snapshot
// without a client having asked for it.
//
// Everything is bounded: tables, questions, bytes, requests of one take at once. A take that fails
// leaves the snapshot as it is until its bound; then the origin answers, or nobody does.
//
// All methods are safe for concurrent use.
package snapshot
