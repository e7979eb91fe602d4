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
//	        queue ── LIST ── plan: smallest first, within the budget ── loads ── check
//
// The nouns: a [Path] names a bucket, a directory in it, or one object. A job is the
// work of one path; its [Status] is the [Answer] with its times. A [Receipt] says what
// a job did, and what is resident.
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
// 8 MiB, and two: runs of adjacent missing pages are fetched in one request. Pages that
// went missing here and there are one run each.
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
// The package does not decide what is immutable (package object does), does not write to
// the origin, and does not keep pages from being evicted, but for pins.
package warm
