package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// A refusal is a request that must not pass: a draft, changed before it is signed
// (by somebody who has the key) or after (by somebody who has not).
type refusal struct {
	name   string
	base   func() draft
	before func(*draft)
	after  func(head string) string
	parts  func(parts []string) []string
	at     time.Duration // when it arrives, after exampleTime
	region string        // the verifier's
	code   string
	in     string // a part of the message
}

func replace(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic(fmt.Sprintf("%q is not in\n%s", old, s))
		}
		return strings.Replace(s, old, new, 1)
	}
}

func add(line string) func(string) string {
	return func(s string) string { return s + line + "\n" }
}

// drop removes a header.
func drop(name string) func(string) string {
	return func(s string) string {
		return regexp.MustCompile(`(?mi)^`+name+`:.*\n`).ReplaceAllString(s, "")
	}
}

// authorization replaces the Authorization header's value.
func authorization(value string) func(string) string {
	return func(s string) string { return drop("authorization")(s) + "authorization: " + value + "\n" }
}

const (
	goodCredential = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
	goodSigned     = "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date"
	someSignature  = "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
)

var refusals = []refusal{
	// Forged.
	{name: "another secret", before: func(d *draft) { d.secret = "guessed" }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "an invented signature", after: func(s string) string {
		return regexp.MustCompile(`Signature=[0-9a-f]{64}`).ReplaceAllString(s, someSignature)
	}, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "the signature's last digit changed", after: func(s string) string {
		i := strings.LastIndex(s, "\n")
		last := byte('0')
		if s[i-1] == '0' {
			last = '1'
		}
		return s[:i-1] + string(last) + s[i:]
	}, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "an unknown key with its own secret", before: func(d *draft) { d.accessKey = "AKIANOBODY" }, code: sigv4.CodeInvalidAccessKeyID},
	{name: "an unknown key with a known secret", before: func(d *draft) { d.accessKey, d.secret = "akiaiosfodnn7example", exampleSecret }, code: sigv4.CodeInvalidAccessKeyID},
	{name: "a key whose secret is empty", before: func(d *draft) { d.accessKey, d.secret = "EMPTY", "" }, code: sigv4.CodeInvalidAccessKeyID},
	{name: "another key's name under a signature", after: replace("Credential=AKIAIOSFODNN7EXAMPLE", "Credential=OTHERKEY"), code: sigv4.CodeSignatureDoesNotMatch},

	// Tampered head.
	{name: "method changed", after: replace("GET ", "DELETE "), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "GET made HEAD", after: replace("GET ", "HEAD "), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "key changed", after: replace("/data/", "/deta/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "bucket changed", after: replace("/lake/", "/pond/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "slash encoded", after: replace("/data/", "%2Fdata/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "slash decoded", before: func(d *draft) { d.path = "/lake/a%2Fb" }, after: replace("%2F", "/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "escape encoded twice", after: replace("a%20b", "a%2520b"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "escaped space made a plus", after: replace("a%20b", "a+b"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "slash doubled", after: replace("/data/", "//data/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "dot segment inserted", after: replace("/data/", "/./data/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "parent segment that would resolve to the same path", after: replace("/data/", "/x/../data/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "case of the path changed", after: replace("/data/", "/Data/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "slash appended", after: replace(".lance HTTP", ".lance/ HTTP"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query added", after: replace(" HTTP/1.1", "?acl HTTP/1.1"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query removed", before: func(d *draft) { d.query = "versionId=3" }, after: replace("?versionId=3", ""), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query value changed", before: func(d *draft) { d.query = "prefix=a&list-type=2" }, after: replace("prefix=a", "prefix=b"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query values swapped between names", before: func(d *draft) { d.query = "marker=b&prefix=a" }, after: replace("marker=b&prefix=a", "marker=a&prefix=b"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query parameter repeated", before: func(d *draft) { d.query = "prefix=a" }, after: replace("prefix=a", "prefix=a&prefix=a"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query value moved across the equals sign", before: func(d *draft) { d.query = "a=b%3D" }, after: replace("a=b%3D", "a%3Db="), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query separator encoded", before: func(d *draft) { d.query = "a=1&b=2" }, after: replace("&", "%26"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "query with a broken escape", after: replace(" HTTP/1.1", "?a=%zz HTTP/1.1"), code: sigv4.CodeInvalidURI},
	{name: "Range changed", after: replace("bytes=0-65535", "bytes=0-65536"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "signed Range removed", after: drop("range"), code: sigv4.CodeSignatureDoesNotMatch, in: `"range"`},
	{name: "second Range added", after: add("range: bytes=1-2"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "signed header changed", before: func(d *draft) { d.headers = [][2]string{{"if-none-match", "*"}} }, after: replace("if-none-match: *", "if-none-match: \"x\""), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "content length changed", base: putDraft, before: func(d *draft) { d.headers = [][2]string{{"content-length", "22"}} }, after: replace("content-length: 22", "content-length: 21"), parts: func([]string) []string { return nil }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "unsigned x-amz header added", after: add("x-amz-acl: public-read"), code: sigv4.CodeAccessDenied, in: "x-amz-acl"},
	{name: "unsigned x-amz-meta header added", after: add("X-Amz-Meta-Owner: eve"), code: sigv4.CodeAccessDenied, in: "x-amz-meta-owner"},
	{name: "copy source added", before: func(d *draft) { d.method = "PUT" }, after: add("x-amz-copy-source: /secret/key"), code: sigv4.CodeAccessDenied},
	{name: "x-amz header left unsigned by the client itself", before: func(d *draft) {
		d.headers = [][2]string{{"x-amz-request-payer", "requester"}}
		d.signed = []string{"host", "x-amz-content-sha256", "x-amz-date"}
	}, code: sigv4.CodeAccessDenied},
	{name: "hash header left unsigned", before: func(d *draft) { d.signed = []string{"host", "x-amz-date"} }, code: sigv4.CodeAccessDenied},
	{name: "date header left unsigned", before: func(d *draft) { d.signed = []string{"host", "x-amz-content-sha256"} }, code: sigv4.CodeAccessDenied},
	{name: "host left unsigned", before: func(d *draft) { d.signed = []string{"range", "x-amz-content-sha256", "x-amz-date"} }, code: sigv4.CodeHeaderMalformed, in: "host"},
	{name: "payload hash changed to unsigned", after: replace(emptySHA256, "UNSIGNED-PAYLOAD"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "second payload hash", after: add("x-amz-content-sha256: UNSIGNED-PAYLOAD"), code: sigv4.CodeInvalidRequest},
	{name: "second date", after: add("x-amz-date: 20130524T000000Z"), code: sigv4.CodeAccessDenied},

	// Time, and the same bytes elsewhere.
	{name: "client's clock 15 minutes and a second behind", at: 15*time.Minute + time.Second, code: sigv4.CodeRequestTimeTooSkewed},
	{name: "client's clock 15 minutes and a second ahead", at: -15*time.Minute - time.Second, code: sigv4.CodeRequestTimeTooSkewed},
	{name: "replayed an hour later", at: time.Hour, code: sigv4.CodeRequestTimeTooSkewed},
	{name: "replayed a year later with a new date", at: 365 * 24 * time.Hour, after: replace("x-amz-date: 2013", "x-amz-date: 2014"), code: sigv4.CodeHeaderMalformed},
	{name: "replayed with date and scope made new", at: 24 * time.Hour, after: func(s string) string { return strings.ReplaceAll(s, "20130524", "20130525") }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "replayed on another host", after: replace("host: localhost:9000", "host: localhost:9001"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "replayed on another bucket by virtual host", before: func(d *draft) { d.host = "lake.s3.local" }, after: replace("host: lake", "host: pond"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "scope of the day before", before: func(d *draft) { d.scopeDate = "20130523" }, code: sigv4.CodeHeaderMalformed, in: "date"},
	{name: "no date", after: drop("x-amz-date"), code: sigv4.CodeAccessDenied},
	{name: "a date that is none", after: replace("x-amz-date: 20130524T000000Z", "x-amz-date: 20131324T000000Z"), code: sigv4.CodeAccessDenied},
	{name: "a date with a fraction", after: replace("x-amz-date: 20130524T000000Z", "x-amz-date: 20130524T000000.5Z"), code: sigv4.CodeAccessDenied},

	// Scope.
	{name: "wrong region", before: func(d *draft) { d.region = "eu-west-1" }, region: exampleRegion, code: sigv4.CodeHeaderMalformed, in: `expecting "us-east-1"`},
	{name: "region swapped in the credential", after: replace("/us-east-1/", "/us-west-2/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "wrong service", before: func(d *draft) { d.service = "sts" }, code: sigv4.CodeHeaderMalformed, in: `"sts". This endpoint belongs to "s3"`},
	{name: "wrong terminator", before: func(d *draft) { d.term = "aws4_requests" }, code: sigv4.CodeHeaderMalformed},
	{name: "empty region", before: func(d *draft) { d.region = "" }, code: sigv4.CodeHeaderMalformed},
	{name: "credential without an access key", before: func(d *draft) { d.accessKey = "" }, code: sigv4.CodeHeaderMalformed},
	{name: "credential of two parts", after: authorization("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/aws4_request, " + goodSigned + ", " + someSignature), code: sigv4.CodeHeaderMalformed},
	{name: "credential with a short date", after: replace("/20130524/", "/2013524/"), code: sigv4.CodeHeaderMalformed},

	// Authorization header of other shapes.
	{name: "empty authorization", after: authorization(""), code: sigv4.CodeInvalidArgument},
	{name: "algorithm alone", after: authorization("AWS4-HMAC-SHA256"), code: sigv4.CodeInvalidArgument, in: "(space) required"},
	{name: "another hash", after: authorization("AWS4-HMAC-SHA512 " + goodCredential + ", " + goodSigned + ", " + someSignature), code: sigv4.CodeInvalidArgument},
	{name: "basic authentication", after: authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), code: sigv4.CodeInvalidArgument},
	{name: "a bearer token", after: authorization("Bearer abc"), code: sigv4.CodeInvalidArgument},
	{name: "signature version 2", after: authorization("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), code: sigv4.CodeInvalidRequest, in: "Version 2"},
	{name: "signature version 4A", after: authorization("AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/s3/aws4_request, " + goodSigned + ", Signature=3045"), code: sigv4.CodeInvalidRequest, in: "4A"},
	{name: "credential twice", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodCredential + ", " + goodSigned + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "signed headers twice", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned + ", " + goodSigned + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "signature twice", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned + ", " + someSignature + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "no signed headers", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "something else for signed headers", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", signed=host, " + someSignature), code: sigv4.CodeHeaderMalformed, in: "missing SignedHeaders"},
	{name: "no signature", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "a credential for the signature", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodCredential + ", " + goodSigned), code: sigv4.CodeHeaderMalformed, in: "missing Signature"},
	{name: "a component without a value", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", SignedHeaders, " + someSignature), code: sigv4.CodeHeaderMalformed, in: `component "SignedHeaders" is malformed`},
	{name: "no credential", after: authorization("AWS4-HMAC-SHA256 " + goodSigned + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "three components"},
	{name: "something else for the credential", after: authorization("AWS4-HMAC-SHA256 cred=x, " + goodSigned + ", " + someSignature), code: sigv4.CodeHeaderMalformed, in: "missing Credential"},
	{name: "an empty part", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", SignedHeaders=, " + someSignature), code: sigv4.CodeHeaderMalformed},
	{name: "an unknown part", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned + ", Extra=1, " + someSignature), code: sigv4.CodeHeaderMalformed},
	{name: "signed headers out of order", before: func(d *draft) { d.signed = []string{"range", "host", "x-amz-content-sha256", "x-amz-date"} }, code: sigv4.CodeHeaderMalformed, in: "ascending"},
	{name: "a signed header listed twice", before: func(d *draft) { d.signed = []string{"host", "range", "range", "x-amz-content-sha256", "x-amz-date"} }, code: sigv4.CodeHeaderMalformed},
	{name: "a signed header in upper case", before: func(d *draft) { d.signed = []string{"Host", "host", "range", "x-amz-content-sha256", "x-amz-date"} }, code: sigv4.CodeHeaderMalformed},
	{name: "an empty signed header", before: func(d *draft) { d.signed = []string{"", "host", "range", "x-amz-content-sha256", "x-amz-date"} }, code: sigv4.CodeHeaderMalformed},
	{name: "too many signed headers", before: func(d *draft) {
		for i := range 300 {
			d.headers = append(d.headers, [2]string{fmt.Sprintf("a%04d", i), "x"})
		}
	}, code: sigv4.CodeHeaderMalformed, in: "too many"},
	{name: "a signed header that is not there", after: replace("SignedHeaders=host;", "SignedHeaders=host;if-match;"), code: sigv4.CodeSignatureDoesNotMatch, in: `"if-match"`},
	{name: "a signature in upper case", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned + ", Signature=" + strings.ToUpper(someSignature[10:])), code: sigv4.CodeHeaderMalformed},
	{name: "a short signature", after: authorization("AWS4-HMAC-SHA256 " + goodCredential + ", " + goodSigned + ", Signature=f0e8"), code: sigv4.CodeHeaderMalformed},
	{name: "an endless authorization", after: authorization("AWS4-HMAC-SHA256 " + strings.Repeat("a=b,", 5000)), code: sigv4.CodeHeaderMalformed, in: "too long"},

	// Mechanisms.
	{name: "anonymous", after: drop("authorization"), code: sigv4.CodeAccessDenied, in: "Anonymous"},
	{name: "two authorization headers", after: func(s string) string {
		return s + regexp.MustCompile(`(?m)^authorization:.*\n`).FindString(s)
	}, code: sigv4.CodeInvalidArgument},
	{name: "header and query at once", base: presignedDraft, after: add("authorization: AWS4-HMAC-SHA256 " + goodCredential + ", SignedHeaders=host, " + someSignature), code: sigv4.CodeInvalidArgument, in: "Only one"},
	{name: "a signed header request with a signature in the query", before: func(d *draft) { d.query = "X-Amz-Signature=abc" }, code: sigv4.CodeInvalidArgument},
	{name: "session token header, signed", before: func(d *draft) { d.headers = [][2]string{{"x-amz-security-token", "FwoGZXIvYXdzEXAMPLE"}} }, code: sigv4.CodeInvalidToken, in: "Session tokens"},
	{name: "session token header, added", after: add("x-amz-security-token: FwoGZXIvYXdzEXAMPLE"), code: sigv4.CodeInvalidToken},
	{name: "session token in the query", base: presignedDraft, before: func(d *draft) { d.query = "X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE" }, code: sigv4.CodeInvalidToken},
	{name: "signature version 2 in the query", after: func(s string) string {
		return replace(" HTTP", "?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1141889120&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D HTTP")(drop("authorization")(s))
	}, code: sigv4.CodeInvalidRequest, in: "Version 2"},

	// Presigned.
	{name: "presigned and expired by a second", base: presignedDraft, at: 601 * time.Second, code: sigv4.CodeAccessDenied, in: "expired"},
	{name: "presigned for the future", base: presignedDraft, at: -15*time.Minute - time.Second, code: sigv4.CodeAccessDenied, in: "not valid yet"},
	{name: "presigned with its expiry raised", base: presignedDraft, after: replace("X-Amz-Expires=600", "X-Amz-Expires=6000"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "presigned for more than seven days", base: presignedDraft, before: func(d *draft) { d.expires = "604801" }, code: sigv4.CodeQueryMalformed, in: "604800"},
	{name: "presigned for longer than numbers reach", base: presignedDraft, before: func(d *draft) { d.expires = "99999999999999999999" }, code: sigv4.CodeQueryMalformed},
	{name: "presigned with a negative expiry", base: presignedDraft, before: func(d *draft) { d.expires = "-1" }, code: sigv4.CodeQueryMalformed, in: "non-negative"},
	{name: "presigned with expiry zero", base: presignedDraft, before: func(d *draft) { d.expires = "0" }, code: sigv4.CodeQueryMalformed, in: "greater than zero"},
	{name: "presigned with an expiry in words", base: presignedDraft, before: func(d *draft) { d.expires = "ten" }, code: sigv4.CodeQueryMalformed, in: "number"},
	{name: "presigned with an expiry in hexadecimal", base: presignedDraft, before: func(d *draft) { d.expires = "0x10" }, code: sigv4.CodeQueryMalformed, in: "number"},
	{name: "presigned GET used to PUT", base: presignedDraft, after: replace("GET ", "PUT "), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "presigned key changed", base: presignedDraft, after: replace("/data/", "/deta/"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "presigned on another host", base: presignedDraft, after: replace("localhost", "example"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "presigned with a parameter added", base: presignedDraft, after: replace("?X-Amz", "?versionId=1&X-Amz"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "presigned without expiry", base: presignedDraft, after: replace("&X-Amz-Expires=600", ""), code: sigv4.CodeQueryMalformed, in: "X-Amz-Expires"},
	{name: "presigned without signature", base: presignedDraft, after: func(s string) string {
		return regexp.MustCompile(`&X-Amz-Signature=\w+`).ReplaceAllString(s, "")
	}, code: sigv4.CodeQueryMalformed, in: "X-Amz-Signature"},
	{name: "presigned with two dates", base: presignedDraft, after: replace("?X-Amz", "?X-Amz-Date=20130524T000000Z&X-Amz"), code: sigv4.CodeQueryMalformed, in: "more than once"},
	{name: "presigned with an empty and a real credential", base: presignedDraft, after: replace("?X-Amz", "?X-Amz-Credential=&X-Amz"), code: sigv4.CodeQueryMalformed, in: "more than once"},
	{name: "presigned with two signatures", base: presignedDraft, after: replace(" HTTP", "&X-Amz-Signature="+someSignature[10:]+" HTTP"), code: sigv4.CodeQueryMalformed, in: "more than once"},
	{name: "presigned with a second signature whose name is escaped", base: presignedDraft, after: replace(" HTTP", "&X-Amz-%53ignature="+someSignature[10:]+" HTTP"), code: sigv4.CodeQueryMalformed, in: "more than once"},
	{name: "presigned in lower case", base: presignedDraft, after: replace("X-Amz-Signature", "x-amz-signature"), code: sigv4.CodeQueryMalformed, in: "wrong case"},
	{name: "presigned with version 4A", base: presignedDraft, before: func(d *draft) { d.algorithm = "AWS4-ECDSA-P256-SHA256" }, code: sigv4.CodeQueryMalformed, in: "AWS4-HMAC-SHA256"},
	{name: "presigned with another algorithm", base: presignedDraft, before: func(d *draft) { d.algorithm = "AWS4-HMAC-MD5" }, code: sigv4.CodeQueryMalformed},
	{name: "presigned with a date that is none", base: presignedDraft, after: replace("X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524"), code: sigv4.CodeQueryMalformed, in: "X-Amz-Date"},
	{name: "presigned with an x-amz header added", base: presignedDraft, after: add("x-amz-server-side-encryption-customer-algorithm: AES256"), code: sigv4.CodeAccessDenied},
	{name: "presigned without host signed", base: presignedDraft, before: func(d *draft) {
		d.headers, d.signed = [][2]string{{"range", "bytes=0-1"}}, []string{"range"}
	}, code: sigv4.CodeQueryMalformed, in: "host"},
	{name: "presigned in the wrong region", base: presignedDraft, before: func(d *draft) { d.region = "mars-1" }, region: exampleRegion, code: sigv4.CodeQueryMalformed},
	{name: "presigned with two payload hashes that differ", base: presignedDraft, before: func(d *draft) {
		d.query, d.payload = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", emptySHA256
	}, code: sigv4.CodeQueryMalformed},

	// Payload claims.
	{name: "no payload hash", before: func(d *draft) { d.payload = "-" }, code: sigv4.CodeInvalidRequest, in: "x-amz-content-sha256"},
	{name: "a payload hash that is none", before: func(d *draft) { d.payload = "abc" }, code: sigv4.CodeInvalidArgument},
	{name: "a payload hash of other letters", before: func(d *draft) { d.payload = strings.Repeat("g", 64) }, code: sigv4.CodeInvalidArgument},
	{name: "streaming with 4A", before: func(d *draft) { d.payload = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" }, code: sigv4.CodeInvalidRequest, in: "4A"},
	{name: "streaming with 4A and trailers", before: func(d *draft) { d.payload = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" }, code: sigv4.CodeInvalidRequest, in: "4A"},
	{name: "an event stream", before: func(d *draft) { d.payload = "STREAMING-AWS4-HMAC-SHA256-EVENTS" }, code: sigv4.CodeInvalidArgument},
	{name: "no body where one was hashed", base: putDraft, before: func(d *draft) { d.body = "" }, code: sigv4.CodeContentSHA256Mismatch},

	// Plain bodies.
	{name: "body changed", base: putDraft, parts: mapBody(replace("body", "bady")), code: sigv4.CodeContentSHA256Mismatch},
	{name: "last byte of the body changed", base: putDraft, parts: mapBody(replace("object", "objecs")), code: sigv4.CodeContentSHA256Mismatch},
	{name: "body cut short", base: putDraft, parts: mapBody(func(s string) string { return s[:5] }), code: sigv4.CodeContentSHA256Mismatch},
	{name: "body lengthened", base: putDraft, parts: mapBody(func(s string) string { return s + "!" }), code: sigv4.CodeContentSHA256Mismatch},
	{name: "body where none was hashed", parts: mapBody(func(string) string { return "surprise" }), code: sigv4.CodeContentSHA256Mismatch},
	{name: "body of one wrong byte", base: putDraft, parts: mapBody(func(string) string { return "x" }), code: sigv4.CodeContentSHA256Mismatch},

	// Signed chunks.
	{name: "chunk changed", base: signedChunks, parts: edit(1, replace("bbb", "bab")), code: sigv4.CodeSignatureDoesNotMatch, in: "chunk"},
	{name: "last chunk changed", base: signedChunks, parts: edit(2, replace("ccc", "cac")), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "chunks reordered", base: signedChunks, parts: func(p []string) []string { p[0], p[1] = p[1], p[0]; return p }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "chunk dropped", base: signedChunks, parts: func(p []string) []string { return slices.Delete(p, 1, 2) }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "small chunk dropped", base: signedChunks, before: func(d *draft) { d.chunks = []string{strings.Repeat("1", 8192), strings.Repeat("2", 8192), "three"} }, parts: func(p []string) []string { return slices.Delete(p, 1, 2) }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "last chunk dropped", base: signedChunks, parts: func(p []string) []string { return slices.Delete(p, 2, 3) }, code: sigv4.CodeIncompleteBody},
	{name: "chunk sent twice", base: signedChunks, parts: func(p []string) []string { return slices.Insert(p, 1, p[0]) }, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "last chunk sent twice", base: signedChunks, parts: func(p []string) []string { return slices.Insert(p, 3, p[2]) }, code: sigv4.CodeInvalidChunkSize},
	{name: "body cut inside a chunk", base: signedChunks, parts: func(p []string) []string { return []string{p[0], p[1][:200]} }, code: sigv4.CodeIncompleteBody},
	{name: "body cut before the final chunk", base: signedChunks, parts: func(p []string) []string { return p[:3] }, code: sigv4.CodeIncompleteBody},
	{name: "body cut inside the final chunk", base: signedChunks, parts: func(p []string) []string { return []string{p[0], p[1], p[2], p[3][:20]} }, code: sigv4.CodeIncompleteBody},
	{name: "final line end missing", base: signedChunks, parts: func(p []string) []string { return p[:4] }, code: sigv4.CodeIncompleteBody},
	{name: "final chunk forged", base: signedChunks, parts: edit(3, func(string) string { return "0;chunk-signature=" + someSignature[10:] + "\r\n" }), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "chunks without signatures", base: signedChunks, parts: stripSignatures, code: sigv4.CodeIncompleteBody},
	{name: "chunk size changed", base: signedChunks, parts: edit(0, replace("2328;", "2327;")), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "chunk size huge", base: signedChunks, parts: edit(0, replace("2328;", "fffffffffffffff;")), code: sigv4.CodeIncompleteBody},
	{name: "chunk size negative", base: signedChunks, parts: edit(0, replace("2328;", "-1;")), code: sigv4.CodeIncompleteBody},
	{name: "bytes after the final chunk", base: signedChunks, parts: func(p []string) []string { return append(p, "more") }, code: sigv4.CodeIncompleteBody},
	{name: "trailer where none is announced", base: signedChunks, parts: edit(4, func(string) string { return "x-amz-checksum-crc32:AAAAAA==\r\n\r\n" }), code: sigv4.CodeMalformedTrailer},
	{name: "decoded length changed on the way", base: signedChunks, after: replace("content-length: 19100", "content-length: 19000"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "decoded length too small", base: signedChunks, before: func(d *draft) { d.decoded = "19099" }, code: sigv4.CodeIncompleteBody},
	{name: "decoded length too large", base: signedChunks, before: func(d *draft) { d.decoded = "19101" }, code: sigv4.CodeIncompleteBody},
	{name: "decoded length beyond the body", base: signedChunks, before: func(d *draft) { d.decoded = "800000" }, code: sigv4.CodeIncompleteBody},
	{name: "decoded length negative", base: signedChunks, before: func(d *draft) { d.decoded = "-19100" }, code: sigv4.CodeMissingContentLength},
	{name: "decoded length with a sign", base: signedChunks, before: func(d *draft) { d.decoded = "+19100" }, code: sigv4.CodeMissingContentLength},
	{name: "decoded length beyond numbers", base: signedChunks, before: func(d *draft) { d.decoded = "99999999999999999999" }, code: sigv4.CodeMissingContentLength},
	{name: "a small chunk before the last", base: signedChunks, before: func(d *draft) { d.chunks = []string{"small", "last"} }, code: sigv4.CodeInvalidChunkSize, in: "BadChunkSize 5"},
	{name: "a wrong size that says why the body is short", base: unsignedTrailer, before: func(d *draft) { d.decoded = "800000" }, parts: func([]string) []string { return []string{"A\r\n"} }, code: sigv4.CodeIncompleteBody, in: "terminated"},
	{name: "a decoded length beyond the body", base: unsignedTrailer, before: func(d *draft) { d.decoded = "800000" }, code: sigv4.CodeIncompleteBody, in: "did not provide the number"},
	{name: "a trailer that cannot be announced", base: unsignedTrailer, before: func(d *draft) { d.trailers = [][2]string{{"content-length", "1"}} }, code: sigv4.CodeInvalidRequest, in: "x-amz-trailer header is not supported"},
	{name: "chunks signed from another request's seed", base: signedChunks, parts: func([]string) []string {
		d := signedChunks()
		d.path = "/lake/other"
		d.sign()
		return d.parts()
	}, code: sigv4.CodeSignatureDoesNotMatch},
	{name: "an empty object whose final chunk is forged", base: signedChunks, before: func(d *draft) { d.chunks = []string{} }, parts: edit(0, func(string) string { return "0;chunk-signature=" + someSignature[10:] + "\r\n" }), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "an empty object that is not empty", base: signedChunks, before: func(d *draft) { d.decoded = "0" }, code: sigv4.CodeIncompleteBody},

	// Trailers.
	{name: "signed trailer changed", base: signedTrailer, parts: edit(4, func(s string) string {
		return strings.Replace(s, crc32Of(chunkText()), crc32Of("other"), 1)
	}), code: sigv4.CodeSignatureDoesNotMatch, in: "trailing"},
	{name: "signed trailer dropped", base: signedTrailer, parts: edit(4, func(s string) string { return s[strings.Index(s, "\n")+1:] }), code: sigv4.CodeMalformedTrailer},
	{name: "trailer signature dropped", base: signedTrailer, parts: edit(4, func(s string) string { return s[:strings.Index(s, "\n")+1] + "\r\n" }), code: sigv4.CodeIncompleteBody},
	{name: "trailer signature forged", base: signedTrailer, parts: edit(4, func(s string) string {
		return s[:strings.Index(s, "\n")+1] + "x-amz-trailer-signature:" + someSignature[10:] + "\r\n\r\n"
	}), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "trailer added after the signature", base: signedTrailer, parts: edit(4, replace("\r\n\r\n", "\r\nx-amz-checksum-sha1:AAAA\r\n\r\n")), code: sigv4.CodeMalformedTrailer},
	{name: "signed trailer with a wrong checksum", base: signedTrailer, before: func(d *draft) { d.trailers[0][1] = crc32Of("other") }, code: sigv4.CodeBadDigest},
	{name: "signed trailers without x-amz-trailer", base: signedTrailer, before: func(d *draft) { d.trailers = nil }, code: sigv4.CodeMalformedTrailer, in: "x-amz-trailer"},
	{name: "trailer announcement changed", base: signedTrailer, after: replace("x-amz-trailer: x-amz-checksum-crc32", "x-amz-trailer: x-amz-checksum-crc32c"), code: sigv4.CodeSignatureDoesNotMatch},
	{name: "unsigned trailer changed", base: unsignedTrailer, parts: edit(4, func(string) string { return "x-amz-checksum-crc32:" + crc32Of("other") + "\r\n\r\n" }), code: sigv4.CodeBadDigest, in: "The CRC32 you specified"},
	{name: "chunk changed under an unsigned trailer", base: unsignedTrailer, parts: edit(1, replace("bbb", "bab")), code: sigv4.CodeBadDigest},
	{name: "unsigned trailer dropped", base: unsignedTrailer, parts: edit(4, func(string) string { return "\r\n" }), code: sigv4.CodeMalformedTrailer},
	{name: "unsigned trailer twice", base: unsignedTrailer, parts: edit(4, func(s string) string { return strings.Repeat(strings.TrimSuffix(s, "\r\n"), 2) + "\r\n" }), code: sigv4.CodeMalformedTrailer},
	{name: "unsigned trailer renamed", base: unsignedTrailer, parts: edit(4, replace("crc32:", "crc32c:")), code: sigv4.CodeMalformedTrailer},
	{name: "unsigned trailer of no checksum's form", base: unsignedTrailer, parts: edit(4, func(string) string { return "x-amz-checksum-crc32:!!!\r\n\r\n" }), code: sigv4.CodeInvalidRequest, in: "x-amz-checksum-crc32 trailing header"},
	{name: "unsigned trailers without an end", base: unsignedTrailer, parts: edit(4, func(s string) string { return strings.TrimSuffix(s, "\r\n") }), code: sigv4.CodeIncompleteBody},
	{name: "chunk signature in an unsigned body", base: unsignedTrailer, parts: edit(0, replace("2328", "2328;chunk-signature="+someSignature[10:])), code: sigv4.CodeIncompleteBody},
	{name: "trailers of endless length", base: unsignedTrailer, parts: edit(4, func(s string) string { return strings.Repeat("x-amz-checksum-crc32:AAAAAA==\r\n", 1000) + s }), code: sigv4.CodeMalformedTrailer},
}

func signedChunks() draft    { return chunkedDraft(true, false) }
func signedTrailer() draft   { return chunkedDraft(true, true) }
func unsignedTrailer() draft { return chunkedDraft(false, true) }

func chunkText() string {
	d := signedChunks()
	return strings.Join(d.chunks, "")
}

func mapBody(fn func(string) string) func([]string) []string { return edit(0, fn) }

func edit(i int, fn func(string) string) func([]string) []string {
	return func(p []string) []string {
		p[i] = fn(p[i])
		return p
	}
}

func stripSignatures(p []string) []string {
	re := regexp.MustCompile(`;chunk-signature=\w+`)
	for i := range p {
		p[i] = re.ReplaceAllString(p[i], "")
	}
	return p
}

// TestRefused holds every refusal against the verifier: the code, a part of the
// message, that no message leaks anything, and that of a bad body at least the
// last byte is never handed out.
func TestRefused(t *testing.T) {
	names := map[string]bool{}
	for _, tt := range refusals {
		if names[tt.name] {
			t.Errorf("two cases are called %q", tt.name)
		}
		names[tt.name] = true
		t.Run(tt.name, func(t *testing.T) {
			err := tt.run(t)
			e, ok := errors.AsType[*sigv4.Error](err)
			if !ok {
				t.Fatalf("got %v, want code %s", err, tt.code)
			}
			if e.Code != tt.code || !strings.Contains(fmt.Sprint(e.Message, e.Details), tt.in) {
				t.Errorf("got %v %v, want code %s and %q", e, e.Details, tt.code, tt.in)
			}
			if e.Status < 400 || e.Status > 499 {
				t.Errorf("status is %d", e.Status)
			}
			checkLeak(t, err)
		})
	}
	if len(refusals) < 60 {
		t.Errorf("only %d refusals", len(refusals))
	}
}

func (tt *refusal) run(t *testing.T) error {
	t.Helper()
	base := tt.base
	if base == nil {
		base = baseDraft
	}
	d := base()
	if tt.before == nil && tt.region == "" && tt.at == 0 {
		// The request would be good if nobody had touched it.
		whole := base()
		if _, err := readAll(newTestVerifier(t, "", 0), whole.request(t)); err != nil {
			t.Fatalf("the request is refused even untouched: %v", err)
		}
	}
	if tt.before != nil {
		tt.before(&d)
	}
	head := d.sign()
	parts := d.parts()
	if tt.after != nil {
		head = tt.after(head)
	}
	if tt.parts != nil {
		parts = tt.parts(parts)
	}
	r := withBody(t, head, strings.Join(parts, ""))
	_, err := readAll(newTestVerifier(t, tt.region, tt.at), r)
	return err
}

func newTestVerifier(t *testing.T, region string, at time.Duration) *sigv4.Verifier {
	t.Helper()
	return newVerifier(t, sigv4.Options{
		Keys:   staticKeys{exampleAccessKey: exampleSecret, "OTHERKEY": "another-secret-key", "EMPTY": ""},
		Region: region,
		Now:    func() time.Time { return exampleTime.Add(at) },
	})
}

// readAll verifies a request and its body and returns how much of the body came
// out.
func readAll(v *sigv4.Verifier, r *http.Request) (int, error) {
	id, err := v.Verify(r)
	if err != nil {
		return 0, err
	}
	b, err := id.Body(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = b.Close() }()
	n, err := io.Copy(io.Discard, b)
	// A failure of this promise must not be taken for a refusal: %v, not %w.
	if (err == nil) != (n == b.Length()) && b.Length() > 0 {
		return int(n), fmt.Errorf("got %d bytes of %d with error %v", n, b.Length(), err)
	}
	return int(n), err
}

// checkLeak demands that nothing secret can be read from an error in any form.
func checkLeak(t *testing.T, err error) {
	t.Helper()
	texts := []string{err.Error(), fmt.Sprintf("%+v", err)}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		bare := *e
		bare.Details = slices.DeleteFunc(slices.Clone(e.Details), func(d sigv4.Detail) bool {
			// Hashes of what the client itself sent.
			return d.Name == "ClientComputedContentSHA256" || d.Name == "S3ComputedContentSHA256"
		})
		texts = append(texts, fmt.Sprintf("%#v", &bare))
	}
	for _, text := range texts {
		if strings.Contains(text, exampleSecret) || strings.Contains(text, "another-secret") {
			t.Errorf("the secret is in %q", text)
		}
		if regexp.MustCompile(`[0-9a-f]{64}`).MatchString(text) {
			t.Errorf("a hash or signature is in %q", text)
		}
		if strings.Contains(text, "aws4_request\n") || strings.Contains(text, "SHA256\n") {
			t.Errorf("a string to sign is in %q", text)
		}
	}
}
