package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// TestAccepted holds the edges of what must pass.
func TestAccepted(t *testing.T) {
	tests := []struct {
		name   string
		base   func() draft
		before func(*draft)
		after  func(head string) string
		parts  func([]string) []string
		at     time.Duration
	}{
		{name: "a plain GET"},
		{name: "the same GET again, as a client's retry and a replay alike", at: time.Minute},
		{name: "a clock 15 minutes behind", at: 15 * time.Minute},
		{name: "a clock 15 minutes ahead", at: -15 * time.Minute},
		{name: "a presigned URL in its last second", base: presignedDraft, at: 600 * time.Second},
		{name: "a presigned URL from a clock 15 minutes ahead", base: presignedDraft, at: -15 * time.Minute},
		{name: "a presigned URL for seven days, after six", base: presignedDraft, before: func(d *draft) { d.expires = "604800" }, at: 6 * 24 * time.Hour},
		{name: "a presigned URL with an unsigned Range", base: presignedDraft, after: add("range: bytes=0-1")},
		{name: "a presigned URL with an unsigned content type", base: presignedDraft, after: add("content-type: text/plain")},
		{name: "a presigned URL with its payload hash in the query", base: presignedDraft, before: func(d *draft) {
			// Signed like a header's; the draft signs what payload says.
			d.query = "X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
		}},
		{name: "headers that nobody signs", after: add("user-agent: x\naccept: */*\nx-amzn-trace-id: Root=1\nx-forwarded-for: 10.0.0.1\nexpect: 100-continue")},
		{name: "parameters in another order", before: func(d *draft) { d.query = "prefix=a&list-type=2&delimiter=%2F" }, after: replace("prefix=a&list-type=2&delimiter=%2F", "list-type=2&delimiter=%2F&prefix=a")},
		{name: "a parameter twice", before: func(d *draft) { d.query = "a=2&a=1" }},
		{name: "a parameter without equals sign", before: func(d *draft) { d.query = "acl" }, after: replace("?acl", "?acl=")},
		{name: "empty query parts", before: func(d *draft) { d.query = "a=1" }, after: replace("?a=1", "?&a=1&&")},
		{name: "a plus in the query, which is a space", before: func(d *draft) { d.query = "prefix=a%20b" }, after: replace("prefix=a%20b", "prefix=a+b")},
		{name: "lower-case escapes", before: func(d *draft) { d.path = "/lake/a%3Db"; d.query = "prefix=%2F" }, after: func(s string) string {
			return strings.Replace(strings.Replace(s, "%3D", "%3d", 1), "%2F", "%2f", 1)
		}},
		{name: "needless escapes", before: func(d *draft) { d.path = "/lake/abc" }, after: replace("/abc", "/%61bc")},
		{name: "bytes that should have been escaped", before: func(d *draft) { d.path = "/lake/a%3Db%28c%29%C3%A4" }, after: replace("a%3Db%28c%29%C3%A4", "a=b(c)ä")},
		{name: "an encoded slash signed as such", before: func(d *draft) { d.path = "/lake/a%2Fb" }},
		{name: "an encoded slash in lower case", before: func(d *draft) { d.path = "/lake/a%2Fb" }, after: replace("%2F", "%2f")},
		{name: "an absolute target", after: replace("GET /", "GET http://localhost:9000/")},
		{name: "spaces around and inside a header", before: func(d *draft) { d.headers = [][2]string{{"if-match", "a b c"}} }, after: replace("if-match: a b c", "if-match:    a   b  c   ")},
		{name: "a header in two lines", before: func(d *draft) { d.headers = [][2]string{{"x-amz-meta-a", "1"}, {"x-amz-meta-a", "2"}} }},
		{name: "a header of two values made one line", before: func(d *draft) { d.headers = [][2]string{{"x-amz-meta-a", "1"}, {"x-amz-meta-a", "2"}} }, after: replace("x-amz-meta-a: 1\nx-amz-meta-a: 2", "x-amz-meta-a: 1,2")},
		{name: "an authorization without spaces", after: func(s string) string { return strings.ReplaceAll(s, ", S", ",S") }},
		{name: "a Date header besides", before: func(d *draft) { d.headers = [][2]string{{"date", "Thu, 01 Jan 1970 00:00:00 GMT"}} }},
		{name: "a signed Date header instead", before: func(d *draft) {
			d.headers = [][2]string{{"date", "Fri, 24 May 2013 00:00:00 GMT"}}
			d.signed = []string{"date", "host", "x-amz-content-sha256"}
		}, after: drop("x-amz-date")},
		{name: "a Date header in ISO form instead", before: func(d *draft) {
			d.headers = [][2]string{{"date", "20130524T000000Z"}}
			d.signed = []string{"date", "host", "x-amz-content-sha256"}
		}, after: drop("x-amz-date")},
		{name: "a signed Expect", before: func(d *draft) { d.headers = [][2]string{{"expect", "100-continue"}} }},
		{name: "an unsigned payload", base: putDraft, before: func(d *draft) { d.payload = "UNSIGNED-PAYLOAD" }},
		{name: "a literal hash", base: putDraft},
		{name: "a literal hash in upper case", base: putDraft, before: func(d *draft) { d.payload = strings.ToUpper(d.payload) }},
		{name: "a literal hash of one byte", base: putDraft, before: func(d *draft) { d.body = "x"; d.payload = hexSHA256("x") }},
		{name: "signed chunks", base: signedChunks},
		{name: "signed chunks of nothing", base: signedChunks, before: func(d *draft) { d.chunks = []string{} }},
		{name: "signed chunks of one byte", base: signedChunks, before: func(d *draft) { d.chunks = []string{"x"} }},
		{name: "signed chunks with a signed trailer", base: signedTrailer},
		{name: "signed trailers with empty lines between", base: signedTrailer, parts: edit(4, func(s string) string {
			return strings.Replace(s, "\r\nx-amz-trailer", "\n\r\nx-amz-trailer", 1)
		})},
		{name: "unsigned trailers", base: unsignedTrailer},
		{name: "unsigned trailers with a line end too many", base: unsignedTrailer, parts: edit(4, func(s string) string {
			return strings.TrimSuffix(s, "\r\n\r\n") + "\n\r\n\r\n"
		})},
		{name: "a trailer with space around its value", base: unsignedTrailer, parts: edit(4, func(s string) string {
			return strings.Replace(s, ":", ":  ", 1)
		})},
		{name: "a trailer of an unknown checksum, for the origin to judge", base: unsignedTrailer, before: func(d *draft) {
			d.trailers = [][2]string{{"x-amz-checksum-xxhash3", "AAAAAAAAAAA="}}
		}},
		{name: "two trailers", base: signedTrailer, before: func(d *draft) {
			d.trailers = append(d.trailers, [2]string{"x-amz-checksum-xxhash3", "AAAAAAAAAAA="})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := tt.base
			if base == nil {
				base = baseDraft
			}
			d := base()
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
			n, err := readAll(newTestVerifier(t, "", tt.at), r)
			if err != nil {
				t.Fatal(err)
			}
			want := len(d.body)
			if d.chunks != nil {
				want = len(strings.Join(d.chunks, ""))
			}
			if n != want {
				t.Errorf("got %d bytes, want %d", n, want)
			}
		})
	}
}

func TestASecretThatChangedCountsAtOnce(t *testing.T) {
	keys := staticKeys{exampleAccessKey: exampleSecret}
	v := newVerifier(t, sigv4.Options{Keys: keys})
	old, renewed := baseDraft(), baseDraft()
	renewed.secret = "a-new-secret-key"
	for range 2 { // the second time from the cache
		if _, err := v.Verify(old.request(t)); err != nil {
			t.Fatal(err)
		}
	}
	keys[exampleAccessKey] = renewed.secret
	for range 2 {
		if _, err := v.Verify(old.request(t)); codeOf(err) != sigv4.CodeSignatureDoesNotMatch {
			t.Errorf("with the old secret: %v", err)
		}
		if _, err := v.Verify(renewed.request(t)); err != nil {
			t.Errorf("with the new secret: %v", err)
		}
	}
	delete(keys, exampleAccessKey)
	if _, err := v.Verify(renewed.request(t)); codeOf(err) != sigv4.CodeInvalidAccessKeyID {
		t.Errorf("with a removed key: %v", err)
	}
}

func TestStripQuery(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"prefix=a+b&acl", "prefix=a+b&acl"},
		{"X-Amz-Algorithm=x", ""},
		{"a=%2f&X-Amz-Credential=c&X-Amz-Date=d&b&X-Amz-Expires=1&X-Amz-SignedHeaders=h&X-Amz-Signature=s", "a=%2f&b"},
		{"X-Amz-%53ignature=s&x=1", "x=1"},
		{"X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=GetObject", "x-id=GetObject"},
		{"X-Amz-Security-Token=t&%zz=1", "%zz=1"},
	} {
		if got := sigv4.StripQuery(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
