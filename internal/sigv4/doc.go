// Package sigv4 decides who sent an S3 request: it verifies AWS Signature
// Version 4 as a server does.
//
// A [Verifier] checks the request line and headers and answers with an
// [Identity]. What the client claimed about the body is checked while it is read,
// through [Identity.Body]:
//
//	Verify(r)          who, and is the head of the request genuine?
//	  -> *Identity     access key, payload kind, signed headers
//	     .Body(r)      -> *Body: the decoded object, its length, its trailers;
//	                   an error instead of the last byte if anything is wrong
//
// [Verifier.VerifyPolicy] checks the signature of a browser form's policy.
//
// Accepted are signatures in the Authorization header and in the query (presigned
// URLs), over a literal SHA-256, UNSIGNED-PAYLOAD, or an aws-chunked body with
// signed chunks, signed trailers or unsigned trailers. Everything else S3 knows
// (Signature Version 2 and 4A, session tokens, anonymous requests) is refused by
// name.
//
// # What exactly is authenticated
//
// The canonical request is built from the bytes of the request target as they
// came ([Target]), never from net/url's cleaned form. Whoever routes the request
// must parse the same bytes: [Target] and [DecodePath] are exported for that.
//
//   - Path: every byte is decoded once and encoded again as S3 does. "." and ".."
//     segments and doubled slashes stay. An encoded slash stays "%2F": a signature
//     over /a/b is not good for /a%2Fb, nor the other way round, although both
//     name one key. "+" is a plus sign.
//   - Query: parameters are decoded once, encoded again and sorted; repeated ones
//     all count. "+" is a space here. Empty parts ("&&") mean nothing.
//   - Headers: host and every x-amz-* header present must be signed; of the others
//     those that the client chose. Unsigned headers (Range in a presigned URL, say)
//     are as trustworthy as the network.
//   - Time: the scope's date, the timestamp and the clock must agree.
//   - Browser forms: the policy's text alone. It has to be held against everything
//     else in the form, and its expiration against the clock, by whoever uses it.
//
// A signed request may be sent again, unchanged, until its time is up: 15 minutes
// on either side of the clock for header signatures, the chosen expiry for
// presigned ones. That is a property of the protocol, the same bytes are also
// what a client sends when it retries. It cannot be turned into another method,
// host, bucket, key, query, signed header or body.
//
// # Secrets
//
// Errors name what is wrong, never the signature that would have been right, the
// secret or the canonical request. Comparisons take constant time, and an unknown
// access key is put through the same steps as a known one. Derived keys are cached
// for a day and region, in bounded number, and only after a signature made with
// them was found right.
//
// # Ownership and concurrency
//
// A Verifier is safe for concurrent use. An Identity is immutable; its strings
// share memory with the request's headers, so keep copies if it outlives the
// request. A Body belongs to one goroutine at a time.
//
// All errors are of type [*Error], which carries the S3 code, HTTP status and
// message, all three S3's to the letter, and the further elements of an S3 error
// document. Where S3's words leave open what is wrong, a detail "Hint" says more.
// Deciding what an identity may do, answering in XML, and signing requests for
// the origin are not done here.
package sigv4
