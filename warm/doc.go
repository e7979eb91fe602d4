// Package warm makes objects resident in the page cache before anybody reads them.
//
// A [Warmer] takes a [Request], a path and how much to wait for it, and answers from
// residency: if every page below the path is in the cache now, it says so at once;
// otherwise a job fetches what is missing and nothing else.
//
//	Warm ── inventory known? ── every page there? ── yes ──> answer, no job
//	          │ no                 │ no
//	          └────────────┬───────┘
//	                       v
//	        a job for the path that may be joined? ── yes ──> wait for it
//	                       │ no
//	                       v
//	        queue ── published? ── LIST ── plan: within the budget ── loads ── check
//	                     │ not yet
//	                     v
//	        look at the shard's manifests for a while, then once more
//
// The nouns: a [Path] names a bucket, a directory in it, or one object. A job is the
// work of one path; its [Status] is the [Answer] with its times. A [Receipt] says what
// a job did, and what is resident, by [Role]. A [GenerationInfo] says how far one
// generation is.
//
// # Publication
//
// A generation is published when its shard's manifest names it; before that its writer
// may replace objects. A job for a path at or below a generation finds out first (see
// listGeneration), and the listing that it makes afterwards becomes the inventory, from
// which the object service answers everything. Otherwise the generation is provisional:
// its shard is looked at, from 200 ms to 5 s apart and for [Options.PublicationWait], and
// the generation is warmed again when it is published, which fetches what was replaced.
//
// Nobody needs to call: [Options.Watch] keeps tables warm, [Options.OnOpen] warms what is
// opened. [Warmer.Retain], and watching, retire what is not live: jobs end, pages, facts
// and pins go, and only a newer manifest brings it back.
//
// # Roles
//
// Every byte below a table has one role. Names tell it, but for data files, whose pages
// of the primary key are told from the others by manifest and footer. All roles, if they
// fit, go by whole objects, smallest first; a choice of roles, or what exceeds the budget
// below a generation, goes by role and range.
//
// # Decoding
//
// Where a [Decoder] is given, jobs that want it have the confirmed generations below their
// path decoded when all of their pages are there. That costs no request and decides
// nothing: a path is warm before, and whether or not its generations can be decoded. It
// takes no place among the jobs that run; a job whose caller asked for it ends when it is
// done, others before. How much of a generation is decoded is asked of the Decoder each
// time; if there is less than there was, a call does it again.
//
// # What an answer proves
//
// State Warm is never a memory of an earlier success: each page was looked for. What
// lies below a path comes from the inventory of a published generation, which cannot
// change, or else from a listing that began after the call did. A call therefore joins
// a job that has listed already only below a published generation; otherwise it waits
// for the next job of that path, which finds everything there and costs one LIST.
// [Options.ListingMaxAge] relaxes this.
//
// Requests to the origin, retries aside, are at most one per object, one more for each
// 8 MiB, and two: the LIST, and the shard manifest (or, where there is none, a second
// LIST). The first job for a shard reads the version hint too, a third. Runs of adjacent
// missing pages are fetched in one request; pages that went missing here and there are one
// run each. Three rounds depend on each other; ranges by role take one or two more.
//
// # Ownership and limits
//
// A job runs under the Warmer's lifetime, not its callers': a caller that leaves cancels
// nothing; [Warmer.Cancel], a deadline and [Warmer.Close] do. Close waits for all
// goroutines. Jobs at once, jobs waiting, objects and bytes in flight, remembered jobs
// and objects per job are bounded by [Options]; a full queue is [ErrQueueFull]. Loads
// have the page cache's low priority, so reads of clients go first. Every method may be
// called from many goroutines.
//
// # Errors
//
// One sentinel per decision: [ErrInvalid], [ErrNotFound], [ErrForbidden], [ErrOrigin],
// [ErrQueueFull], [ErrTooManyPins], [ErrBypassed], [ErrNoJob], [ErrClosed]. What a job
// did before it failed is in the answer beside the error, and stays in the cache.
//
// What the origin says against a shard's manifests ends no job: the generation is then
// merely provisional.
//
// The package does not decide what is immutable (package object does), does not write to
// the origin, and does not keep pages from being evicted, but for pins. It does not read
// index files itself: their bytes are warmed whole, and decoding is the Decoder's.
package warm
