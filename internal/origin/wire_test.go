package origin_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// awkwardKeys are keys that some layer between a caller and the wire is known to
// change.
func awkwardKeys() []string {
	keys := []string{
		"plain", "a/b/c.lance", "/", "//", "///", "/lead", "//lead", "trail/", "trail//", "a//b", "a///b//",
		".", "..", "./", "../", "/.", "/..", "a/.", "a/..", "a/./b", "a/../b", "../../etc/passwd", "...", "a/...",
		" ", "  ", "a b", " a", "a ", "a  b", "+", "a+b", "a+b c", "%", "%%", "%2", "%2F", "a%2Fb", "a%2fb", "%20", "100%",
		"%00", "%ZZ", "a%", "?", "a?b", "a?b=c", "#", "a#b", "&", "a&b=c", "=", ";", "a;b", ":", "a:b", "http://x/y",
		"//host/path", "@", "a@b", "!", "$", "'", "(", ")", "*", ",", "[", "]", "[::1]", "\\", "a\\b", "|", "^", "`", "{}",
		"<", ">", "\"", "~", "-", "_", "a_b-c.d~e", "\x00", "a\x00b", "\x01", "\t", "\n", "\r", "\r\n", "a\r\nHost: evil",
		"\x7f", "\x80", "\xff", "a\xffb", "\xc3\x28", "\xed\xa0\x80", "ä", "日本語", "naïve/ключ", "👩‍🚀", "e\u0301", "\u00e9",
		"\u200b", "\u202e", "\ufeff", "\u2028", "K", "ſ", "İ", "aux", "con.txt", "-rf", "--", "$HOME", "${x}", "{{x}}",
		"uploads", "acl", "list-type=2", "X-Amz-Signature=1", "?acl", "a?X-Amz-Date=1", "http:", "https:/", ":80", "a:80/b",
		"%E4%BD%A0", "\u4f60%E5%A5%BD", "a/%2e%2e/b", "%2e", "..%2f", "..\\", "/%", "/?", "/#", "/+", "/ ",
		strings.Repeat("a", 1024), strings.Repeat("/", 100), strings.Repeat("ä", 512), strings.Repeat("%", 341),
	}
	for c := range 256 {
		keys = append(keys, "x"+string([]byte{byte(c)})+"y")
	}
	seed := uint64(7)
	rng := rand.New(rand.NewPCG(seed, seed))
	for range 60 {
		b := make([]byte, 1+rng.IntN(40))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		keys = append(keys, string(b))
	}
	return keys
}

// encoded is S3's URI encoding, written down once more.
func encoded(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c == '/' || c == '-' || c == '.' || c == '_' || c == '~' ||
			c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// through is a transport whose every connection goes to addr.
func through(t testing.TB, addr string) *http.Transport {
	tr := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func TestEveryKeyArrivesExactlyAndWithAValidSignature(t *testing.T) {
	server := origintest.StartCapture(t, "")
	pathStyle := newClient(t, server.URL(), nil)
	virtual := newClient(t, "http://s3.example.test", func(c *origin.Config) {
		no := false
		c.PathStyle, c.Transport = &no, through(t, server.Addr())
	})
	keys := awkwardKeys()
	if len(keys) < 200 {
		t.Fatalf("only %d keys", len(keys))
	}
	for _, style := range []struct {
		name, host, prefix string
		client             *origin.Client
	}{
		{"path style", server.Addr(), "/bucket/", pathStyle},
		{"virtual hosted", "bucket.s3.example.test", "/", virtual},
	} {
		t.Run(style.name, func(t *testing.T) {
			for _, key := range keys {
				for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
					r := &origin.Request{Method: method, Bucket: "bucket", Key: key}
					if method == http.MethodPut {
						r.Body, r.ContentLength = strings.NewReader("hello"), 5
					}
					do(t, style.client, r)
					got := server.Take()
					if len(got) != 1 {
						t.Fatalf("%s %q: %d requests", method, key, len(got))
					}
					want := method + " " + style.prefix + encoded(key) + " HTTP/1.1"
					if got[0].Line != want {
						t.Errorf("%s %q:\n got %s\nwant %s", method, key, got[0].Line, want)
					}
					if host := got[0].Values("Host"); !slices.Equal(host, []string{style.host}) {
						t.Errorf("%s %q: host %q", method, key, host)
					}
					if err := origintest.VerifySignature(got[0].Signed(), testKeys, time.Now()); err != nil {
						t.Errorf("%s %q: %v", method, key, err)
					}
				}
			}
		})
	}
}

func TestEveryQueryKeepsItsMeaning(t *testing.T) {
	server := origintest.StartCapture(t, "")
	c := newClient(t, server.URL(), nil)
	type pairs [][2]string
	tests := []struct {
		raw  string
		want pairs // sorted by encoded name and value
	}{
		{"acl", pairs{{"acl", ""}}},
		{"acl=", pairs{{"acl", ""}}},
		{"uploads", pairs{{"uploads", ""}}},
		{"list-type=2&prefix=a%2Fb+c%20d", pairs{{"list-type", "2"}, {"prefix", "a/b c d"}}},
		{"prefix=a%2Bb", pairs{{"prefix", "a+b"}}},
		{"a;b=c;d", pairs{{"a;b", "c;d"}}},
		{"a=1;b=2&c=3", pairs{{"a", "1;b=2"}, {"c", "3"}}},
		{"x=2&x=1&x", pairs{{"x", ""}, {"x", "1"}, {"x", "2"}}},
		{"x=1&x=1", pairs{{"x", "1"}, {"x", "1"}}},
		{"b=1&a=2&B=3", pairs{{"B", "3"}, {"a", "2"}, {"b", "1"}}},
		{"a=b=c", pairs{{"a", "b=c"}}},
		{"=v", pairs{{"", "v"}}},
		{"&&a=1&&", pairs{{"a", "1"}}},
		{"p=%zz", pairs{{"p", "%zz"}}},
		{"p=100%", pairs{{"p", "100%"}}},
		{"p=%2", pairs{{"p", "%2"}}},
		{"p=%ff%00", pairs{{"p", "\xff\x00"}}},
		{"p=\xff", pairs{{"p", "\xff"}}},
		{"p=ä%C3%A4", pairs{{"p", "ää"}}},
		{"p=a/b:c@d!$'()*,", pairs{{"p", "a/b:c@d!$'()*,"}}},
		{"p=a%26b%3Dc%3Fd%23e", pairs{{"p", "a&b=c?d#e"}}},
		{"a-b=1&a/b=2&a.b=3", pairs{{"a/b", "2"}, {"a-b", "1"}, {"a.b", "3"}}},
		{"v=a-b&v=a/b", pairs{{"v", "a/b"}, {"v", "a-b"}}},
		{"partNumber=1&uploadId=a%2Bb%3D%3D", pairs{{"partNumber", "1"}, {"uploadId", "a+b=="}}},
		{"response-content-disposition=attachment%3B%20filename%3D%22a%20b%22", pairs{
			{"response-content-disposition", `attachment; filename="a b"`},
		}},
		{"", nil},
		{"p=a?b", pairs{{"p", "a?b"}}},
		{"p=a b", pairs{{"p", "a b"}}},
	}
	for _, tt := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			do(t, c, &origin.Request{Method: method, Bucket: "bucket", Key: "k", RawQuery: tt.raw})
			got := server.Take()[0]
			path, query, _ := strings.Cut(got.Target, "?")
			if path != "/bucket/k" {
				t.Errorf("%q: path %q", tt.raw, path)
			}
			var pp pairs
			for part := range strings.SplitSeq(query, "&") {
				if part == "" {
					continue
				}
				name, value, _ := strings.Cut(part, "=")
				n, err1 := url.PathUnescape(name)
				v, err2 := url.PathUnescape(value)
				if err1 != nil || err2 != nil || strings.ContainsAny(part, "+;") {
					t.Errorf("%q: travels as %q", tt.raw, query)
				}
				pp = append(pp, [2]string{n, v})
			}
			if diff := cmp.Diff(pp, tt.want); diff != "" {
				t.Errorf("%s %q travels as %q (got, want):\n%s", method, tt.raw, query, diff)
			}
			if err := origintest.VerifySignature(got.Signed(), testKeys, time.Now()); err != nil {
				t.Errorf("%s %q: %v", method, tt.raw, err)
			}
		}
	}
}

func TestBucketAndServiceRequestsGoToTheRightPath(t *testing.T) {
	server := origintest.StartCapture(t, "")
	no := false
	virtual := func(endpoint string) *origin.Client {
		return newClient(t, endpoint, func(c *origin.Config) {
			c.PathStyle, c.Transport = &no, through(t, server.Addr())
		})
	}
	plain := newClient(t, server.URL(), nil)
	tests := []struct {
		name         string
		client       *origin.Client
		bucket       string
		line, header string
	}{
		{"the service, path style", plain, "", "GET / HTTP/1.1", server.Addr()},
		{"a bucket, path style", plain, "bucket", "GET /bucket HTTP/1.1", server.Addr()},
		{"the service, virtual hosted", virtual("http://s3.test"), "", "GET / HTTP/1.1", "s3.test"},
		{"a bucket, virtual hosted", virtual("http://s3.test"), "bucket", "GET / HTTP/1.1", "bucket.s3.test"},
		{"a default port is left out", virtual("http://s3.test:80"), "bucket", "GET / HTTP/1.1", "bucket.s3.test"},
		{"another port stays", virtual("http://s3.test:8080"), "bucket", "GET / HTTP/1.1", "bucket.s3.test:8080"},
		{"a name that is no host label stays in the path", virtual("http://s3.test"), "My_Bucket", "GET /My_Bucket HTTP/1.1", "s3.test"},
		{"an IPv6 endpoint keeps its brackets", virtual("http://[::1]:80"), "My_Bucket", "GET /My_Bucket HTTP/1.1", "[::1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			do(t, tt.client, &origin.Request{Method: http.MethodGet, Bucket: tt.bucket})
			got := server.Take()[0]
			if got.Line != tt.line || !slices.Equal(got.Values("Host"), []string{tt.header}) {
				t.Errorf("got %q to %q", got.Line, got.Values("Host"))
			}
			if err := origintest.VerifySignature(got.Signed(), testKeys, time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHeadersTravelAsGiven(t *testing.T) {
	server := origintest.StartCapture(t, "")
	c := newClient(t, server.URL(), func(c *origin.Config) { c.SessionToken = "token" })
	do(t, c, &origin.Request{
		Method: http.MethodPut, Bucket: "bucket", Key: "k",
		Body: strings.NewReader("hello"), ContentLength: 5,
		Header: http.Header{
			"x-amz-meta-lower":     {"one"},
			"X-Amz-Meta-Canonical": {"two  spaces", "second"},
			"x-amz-meta-both":      {"b"},
			"X-Amz-Meta-Both":      {"a"},
			"X-Amz-Acl":            {"private"},
			"X-Amz-Meta-Bytes":     {"gr\u00fcn \xff"},
			"Content-Type":         {"text/plain; charset=utf-8"},
			"Cache-Control":        {"no-store"},
			"Accept-Encoding":      {"identity"},
			"If-None-Match":        {"*"},
			"user-agent":           {"client/1.0"},
			// None of these may travel.
			"Authorization":                {"AWS4-HMAC-SHA256 Credential=other"},
			"X-Amz-Date":                   {"20000101T000000Z"},
			"X-Amz-Security-Token":         {"other"},
			"X-Amz-Content-Sha256":         {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
			"x-amz-decoded-content-length": {"5"},
			"Content-Encoding":             {"aws-chunked, gzip"},
			"content-length":               {"99"},
			"Connection":                   {"close"},
			"Transfer-Encoding":            {"chunked"},
			"Te":                           {"trailers"},
			"Host":                         {"evil"},
			"Date":                         {"Mon, 02 Jan 2006 15:04:05 GMT"},
		},
	})
	got := server.Take()[0]
	if err := origintest.VerifySignature(got.Signed(), testKeys, time.Now()); err != nil {
		t.Error(err)
	}
	var lines []string
	for _, line := range got.Headers {
		name, _, _ := strings.Cut(line, ":")
		if name != "Authorization" && name != "X-Amz-Date" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	want := []string{
		"Accept-Encoding: identity",
		"Cache-Control: no-store",
		"Content-Encoding: gzip",
		"Content-Length: 5",
		"Content-Type: text/plain; charset=utf-8",
		"Host: " + server.Addr(),
		"If-None-Match: *",
		"User-Agent: client/1.0",
		"X-Amz-Acl: private",
		"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD",
		"X-Amz-Meta-Bytes: gr\u00fcn \xff",
		"X-Amz-Meta-Canonical: second",
		"X-Amz-Meta-Canonical: two  spaces",
		"X-Amz-Security-Token: token",
		"x-amz-meta-both: a",
		"x-amz-meta-both: b",
		"x-amz-meta-lower: one",
	}
	if diff := cmp.Diff(lines, want); diff != "" {
		t.Errorf("header lines (got, want):\n%s", diff)
	}
	if string(got.Body) != "hello" {
		t.Errorf("body %q", got.Body)
	}
}

func TestAPlainGetSendsNoSurprises(t *testing.T) {
	server := origintest.StartCapture(t, "")
	c := newClient(t, server.URL(), nil)
	do(t, c, &origin.Request{Method: http.MethodGet, Bucket: "bucket", Key: "k"})
	var names []string
	for _, line := range server.Take()[0].Headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "User-Agent" && value != "hearth" || name == "X-Amz-Content-Sha256" &&
			value != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
			t.Errorf("%s", line)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Authorization", "Host", "User-Agent", "X-Amz-Content-Sha256", "X-Amz-Date"}
	if diff := cmp.Diff(names, want); diff != "" {
		t.Errorf("headers (got, want):\n%s", diff)
	}
}
