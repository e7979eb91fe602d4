// Package postform understands browser uploads: the multipart/form-data body of a POST to
// a bucket, and the policy that says what such a form may contain.
//
//	--boundary                       \
//	Content-Disposition: form-data;   | fields, at most 20 KiB of them: a [Form]
//	  name="key"                      |
//	                                  |
//	uploads/${filename}              /
//	--boundary
//	Content-Disposition: form-data;
//	  name="file"; filename="a.txt"
//
//	bytes of the object, any number  -- a [File], read as it comes
//	--boundary--
//
// [Parse] reads the fields and stops where the file begins. [ParsePolicy] decodes the
// base64 document that was signed; [Policy.Check] holds the fields against it, and
// [Policy.CheckSize] the file's length. [Form.Header] is what the fields say about the
// object, as the headers of a PUT.
//
// Every bound is on what comes in, not on what it says of itself: fields are read until
// they are too many bytes, and no length is believed. Errors that concern the form are of
// type [*Error] and carry S3's code and words; errors of reading it are passed on.
//
// The package verifies no signature and knows no keys: whoever uses it has to find out
// first who signed the policy. It stores nothing. A Form does not change once it is
// expanded; a File is for one goroutine.
package postform
