// Package keyring holds the access keys that clients sign with, and what each may
// do.
//
// A [Key] is an access key, its secret and a list of [Scope]s. A [Ring] is a set
// of keys that can be replaced as a whole: keys given at the start, and those of a
// keys file, read again by [Ring.Reload]. Looking up takes no lock and sees either
// the old set or the new one, never a mixture.
//
// # Scopes
//
// A key without scopes may do everything. Otherwise an operation is allowed if
// one scope allows it: the bucket matches the scope's glob, the object key begins
// with the scope's prefix (byte for byte; end it in "/" to mean a folder), and the
// access includes it:
//
//	operation   needs        on
//	Read        read         the object key (the source of a copy as well)
//	Write       write        the object key (each one, when many are deleted)
//	List        read         the LIST's prefix, which the scope's prefix must cover
//	SeeBucket   either       the bucket: HEAD of a bucket, its location, and its
//	                         place in the list of buckets
//
// Operations on a bucket itself (create, delete, policies) are Write or Read on
// the empty key: only a scope without a prefix allows them. A list of buckets is
// not allowed or refused as a whole; the caller keeps the entries for which
// SeeBucket is allowed.
//
// Below a prefix, keys with a "." or ".." segment are refused: to S3 they are
// ordinary names, but a store over a file system may resolve them to places
// outside of the prefix.
//
// # The keys file
//
// YAML, or JSON, which is a part of it:
//
//	keys:
//	  - access_key: READERS
//	    secret_key: at-least-eight-characters
//	    scopes:
//	      - bucket: lake-*
//	        prefix: tables/
//	        access: read
//
// A file with any fault is refused as a whole, with the line and field, and the
// keys in use stay. A file that others than its owner can read is used, with a
// warning.
//
// # Secrets
//
// No error, log line, String or LogValue of this package shows a secret. A Ring is
// safe for concurrent use.
package keyring
