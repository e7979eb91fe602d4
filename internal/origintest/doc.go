// Package origintest is an object store that misbehaves on request: a small
// in-memory S3 server for tests, which records every request and injects faults.
//
//	srv := origintest.Start(t)
//	srv.Put("tables", "a/b", data)
//	srv.Inject(origintest.Rule{
//		Match:  origintest.Class("GET"),
//		Nth:    2,
//		Action: origintest.Truncate(1000),
//	})
//	... a client at srv.URL() ...
//	srv.Count("GET")
//
// It speaks GET with ranges and conditions, HEAD, ListObjectsV2, PUT with
// conditions, copies, DELETE, DeleteObjects, multipart uploads, and buckets, all
// path-style, with MD5 ETags. It is a fake for faults and for counting. What a
// real store does with a request is tested against a real one.
//
// Faults ([Action]) are how an answer is sent, not what the store holds: cut off,
// too long, stalled, with the wrong length, another status, the whole object for
// a range, and so on. They come from [Server.Inject] rules (the n-th matching
// request, every one, or with a seeded probability) or from a [Server.Before]
// hook. "Walk n over every request of a scenario" is the intended use.
//
// A server listens on loopback TCP, or, for tests inside a synctest bubble, on
// in-memory pipes ([StartPipe]); either way [Server.Transport] reaches it.
//
// [VerifySignature] recomputes a Signature Version 4 by itself, from the raw
// request, without the SDK. [Capture] is a server of one canned answer that keeps
// requests byte by byte.
//
// Everything is safe for concurrent use.
package origintest
