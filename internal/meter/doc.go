// Package meter stands between a client and an object store, counts what passes and
// makes it slower: the instrument of the demo and of the benchmarks.
//
//	client ──► Meter ──(latency)──► store
//	             └─ requests and bytes by class, requests in flight
//
// A [Meter] relays each request as it came: the target character by character,
// the Host header, all end-to-end headers, the body as it streams. So a signature
// stays valid, as stores check it against the Host they are told. Answers come
// back the same way. Nothing is buffered whole.
//
// Every request waits [Options.Latency] before it is sent on, which stands for the
// round trip to a store far away. Bodies are not slowed down.
//
// Requests are counted by class, which [Options.Classify] makes up from method,
// path and query. Classes should be few: each one costs memory for good. [Meter.Snapshot] gives the
// numbers, [Meter.Reset] begins anew.
//
// A Meter retries nothing and hides nothing: where the store does not answer, or
// its answer breaks off, the client's connection is cut. It is not a proxy for
// production: no TLS, no limits.
//
// All methods are safe for concurrent use.
package meter
