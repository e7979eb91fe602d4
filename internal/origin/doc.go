// Package origin is everything Hearth says to object storage, and the only
// package that knows the AWS SDK.
//
// A [Client] speaks to one origin (an S3 endpoint, AWS itself, or a store behind
// a Unix socket) with one credential chain, in two ways:
//
//	Do                    one request, sent once, streaming both ways: what a
//	                      client of Hearth asked, signed anew. Status, headers
//	                      and body come back as the origin wrote them.
//	Get, Head, ListPage,  Hearth's own calls: typed, checked and retried until
//	List                  the answer is complete.
//	Put, Delete, ...      small writes of Hearth's own, sent once.
//
// The request target is built here and nowhere else: the bytes of a key, each
// outside A-Z a-z 0-9 - . _ ~ and '/' percent-encoded, so that what the signature
// covers, what travels, and what the origin decodes are the same key, be it
// "a//b", "..", "100%" or not UTF-8 at all. The query travels in its canonical
// form, sorted and encoded, because that is the one form on which signer and
// origin cannot disagree; no parameter is lost on the way.
//
// # What a Get has proved
//
// Every answer is checked before a byte is handed out: that the range is the one
// that was asked for, that Content-Range, Content-Length and total size agree,
// that the ETag is the one in [GetRequest.IfMatch] (some stores ignore If-Match),
// that the size is [GetRequest.WantSize]. The body yields exactly
// [Object.Length] bytes, and the last of them only after the origin's body has
// been seen to end there. A connection that breaks or stalls half way is
// replaced by one that continues at the first missing byte, bound to the same
// strong ETag.
//
// # Errors
//
// One sentinel per decision, tested with [errors.Is]: [ErrNotFound],
// [ErrChanged], [ErrRange], [ErrDenied], [ErrThrottled], [ErrUnavailable],
// [ErrCorrupt], [ErrBucketNotAllowed], [ErrInvalid]. An answer of the origin that
// is an error is a [StatusError], which carries status, headers and body so that
// a proxy can relay it; it unwraps to its sentinel, if it has one. The
// cancellation or deadline of the caller's context stays itself.
//
// # Retries
//
// They live here and nowhere else, for GET, HEAD and LIST: connection errors,
// timeouts, 429, 500, 502, 503 and 504 are tried again after a jittered pause, a
// bounded number of times. Do and the writes are never repeated.
//
// # What it does not do
//
// It caches nothing, follows no redirect, decompresses nothing, and knows one
// region per client. S3 Express directory buckets (another authentication
// scheme) are refused by name.
//
// All methods of a Client are safe for concurrent use.
package origin
