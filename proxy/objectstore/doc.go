// Package objectstore is a lance/storage Store over the object service: Lance tables read through Hearth's cache from
// within the process, beneath HTTP and SigV4.
//
// The root of a [Store] lies above the buckets: the path of an object is its bucket, a slash and its key, so that one
// store and one cache of decoded objects serve every table, and a generation's folder is what stands behind s3:// in its
// name.
//
//	storage.Object.ReadRange ── object.Service.Get ── class, facts, pages ── origin
//	storage.Store.List       ── object.Service.Folder ── inventory, or the origin's listing
//
// Reads are those of any client: the same classes, the same fills, the same counters. A shard manifest that is read
// publishes the generations that it names, as one does that passes through the S3 listener. What a query has to confirm
// with the origin is confirmed; below published generations nothing is.
//
// An object belongs to the version that Open found: a later read that meets another one fails with [object.ErrChanged]
// and never mixes the two. Open learns of an object from the answer that brings its tail (which Lance reads first), so it
// takes one request at most. What changes in place, such as a manifest, comes whole at Open, up to [MaxWholeBytes]:
// reading it asks nothing more. Reads copy once, from the page's memory to the caller's.
//
// [Count] tells where the answers to one caller came from.
//
// Errors are those of package storage for what is missing or out of range, with the service's own beneath; cancellation
// comes through as itself. A Store holds nothing and needs no closing; it is safe for concurrent use.
//
// A [Writer] is a Store that takes objects, each with one request or one multipart upload, on the way of a client's PUT:
//
//	storage.Writer.Put ── object.Service.Forward ── invalidate ── origin, with its credentials ── invalidate
//
// An error of Put other than storage.ErrExists leaves open whether the object is there; nothing is tried again here.
package objectstore
