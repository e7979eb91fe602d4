package sigv4_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// TestRefusalsSayWhatS3Says holds messages and details against those of S3, which clients
// and conformance suites compare to the letter.
func TestRefusalsSayWhatS3Says(t *testing.T) {
	const malformed = "The authorization header is malformed; "
	tests := []struct {
		name    string
		refusal refusal
		message string
		status  int
		details []sigv4.Detail
	}{
		{
			name: "headers that are not signed", refusal: refusal{after: add("x-amz-tagging: a=b\nX-Amz-Copy-Source: c/d")},
			message: "There were headers present in the request which were not signed", status: 403,
			details: []sigv4.Detail{{Name: "HeadersNotSigned", Value: "x-amz-copy-source, x-amz-tagging"}},
		},
		{
			name: "more of them than anybody reads", refusal: refusal{after: add(strings.TrimSpace(manyHeaders()))},
			message: "There were headers present in the request which were not signed", status: 403,
			details: []sigv4.Detail{{Name: "HeadersNotSigned", Value: "x-amz-a, x-amz-b, x-amz-c, x-amz-d, x-amz-e, x-amz-f, x-amz-g, x-amz-h, x-amz-i, x-amz-j, x-amz-k, x-amz-l, x-amz-m, x-amz-n, x-amz-o, x-amz-p"}},
		},
		{
			name: "another body", refusal: refusal{base: putDraft, parts: mapBody(replace("body", "bady"))},
			message: "The provided 'x-amz-content-sha256' header does not match what was computed.", status: 400,
			details: []sigv4.Detail{
				{Name: "ClientComputedContentSHA256", Value: hexSHA256("the body of the object")},
				{Name: "S3ComputedContentSHA256", Value: hexSHA256("the bady of the object")},
			},
		},
		{
			name: "no body", refusal: refusal{base: putDraft, before: func(d *draft) { d.body = "" }},
			message: "The provided 'x-amz-content-sha256' header does not match what was computed.", status: 400,
			details: []sigv4.Detail{
				{Name: "ClientComputedContentSHA256", Value: hexSHA256("the body of the object")},
				{Name: "S3ComputedContentSHA256", Value: emptySHA256},
			},
		},
		{
			name: "a payload hash that is none", refusal: refusal{before: func(d *draft) { d.payload = "abc" }},
			message: "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
			status:  400, details: []sigv4.Detail{{Name: "ArgumentName", Value: "x-amz-content-sha256"}, {Name: "ArgumentValue", Value: "abc"}},
		},
		{
			name: "an authorization of one word", refusal: refusal{after: authorization(strings.Repeat("x", 200))},
			message: "Authorization header is invalid -- one and only one ' ' (space) required.", status: 400,
			details: []sigv4.Detail{{Name: "ArgumentName", Value: "Authorization"}, {Name: "ArgumentValue", Value: strings.Repeat("x", 128) + "..."}},
		},
		{
			name: "another mechanism, whose secrets are not repeated", refusal: refusal{after: authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")},
			message: "Unsupported Authorization Type", status: 400,
			details: []sigv4.Detail{{Name: "ArgumentName", Value: "Authorization"}, {Name: "ArgumentValue", Value: "Basic"}},
		},
		{
			name: "an unknown access key", refusal: refusal{before: func(d *draft) { d.accessKey = "AKIANOBODY" }},
			message: "The AWS Access Key Id you provided does not exist in our records.", status: 403,
			details: []sigv4.Detail{{Name: "AWSAccessKeyId", Value: "AKIANOBODY"}},
		},
		{
			name: "another secret", refusal: refusal{before: func(d *draft) { d.secret = "guessed" }},
			message: "The request signature we calculated does not match the signature you provided. Check your key and signing method.", status: 403,
			details: []sigv4.Detail{{Name: "AWSAccessKeyId", Value: exampleAccessKey}},
		},
		{
			name: "a region that the verifier does not take", refusal: refusal{before: func(d *draft) { d.region = "eu-west-1" }, region: exampleRegion},
			message: malformed + `the region "eu-west-1" is wrong; expecting "us-east-1"`, status: 400,
			details: []sigv4.Detail{{Name: "Region", Value: "us-east-1"}},
		},
		{
			name: "a presigned region that the verifier does not take", refusal: refusal{base: presignedDraft, before: func(d *draft) { d.region = "eu-west-1" }, region: exampleRegion},
			message: `Error parsing the X-Amz-Credential parameter; the region "eu-west-1" is wrong; expecting "us-east-1"`, status: 400,
			details: []sigv4.Detail{{Name: "Region", Value: "us-east-1"}},
		},
		{
			name: "the date of another day", refusal: refusal{base: presignedDraft, before: func(d *draft) { d.scopeDate = "20130523" }},
			message: `Invalid credential date "20130523". This date is not the same as X-Amz-Date: "20130524".`, status: 400,
		},
		{
			name: "an expired URL", refusal: refusal{base: presignedDraft, at: time.Hour}, message: "Request has expired.", status: 403,
			details: []sigv4.Detail{
				{Name: "X-Amz-Expires", Value: "600"},
				{Name: "Expires", Value: "2013-05-24T00:10:00Z"},
				{Name: "ServerTime", Value: "2013-05-24T01:00:00Z"},
			},
		},
		{
			name: "a session token", refusal: refusal{after: add("x-amz-security-token: FwoGZXIvYXdzEXAMPLE")},
			message: "The provided token is malformed or otherwise invalid.", status: 400,
			details: []sigv4.Detail{{Name: "Hint", Value: "Session tokens cannot be verified here: sign with an access key issued for this endpoint, without X-Amz-Security-Token."}},
		},
		{
			name: "a chunk too small", refusal: refusal{base: signedChunks, before: func(d *draft) { d.chunks = []string{strings.Repeat("a", 8192), "small", "last"} }},
			message: "Only the last chunk is allowed to have a size less than 8192 bytes", status: 400,
			details: []sigv4.Detail{{Name: "Chunk", Value: "2"}, {Name: "BadChunkSize", Value: "5"}},
		},
		{
			name: "no decoded length", refusal: refusal{base: unsignedTrailer, before: func(d *draft) { d.decoded = "12x" }},
			message: "You must provide the Content-Length HTTP header.", status: 411,
			details: []sigv4.Detail{{Name: "Hint", Value: "A chunked body needs one x-amz-decoded-content-length header, which is a number."}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, ok := errors.AsType[*sigv4.Error](tt.refusal.run(t))
			if !ok {
				t.Fatal("not refused")
			}
			if e.Message != tt.message || e.Status != tt.status {
				t.Errorf("got %d %q, want %d %q", e.Status, e.Message, tt.status, tt.message)
			}
			if diff := cmp.Diff(tt.details, e.Details); diff != "" {
				t.Errorf("details (-want +got):\n%s", diff)
			}
		})
	}
}

func manyHeaders() string {
	var lines strings.Builder
	for c := 'a'; c <= 'z'; c++ {
		lines.WriteString("x-amz-" + string(c) + ": 1\n")
	}
	return lines.String()
}
