package sigv4

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"/", "/a/b", "//", "/a%2Fb", "/a%2fb", "/%61", "/a+b", "/%", "/%2", "/%zz", "/a%25b", "/%E6%97%A5", "/日", "/../.", "/a=b(c)",
		"/%00", "/\x7f", "/a%20b%2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		decoded, err := DecodePath(raw)
		canonical, ok := appendCanonicalPath(nil, raw)
		if (err == nil) != ok {
			t.Fatalf("decoding says %v, canonical form %t", err, ok)
		}
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Code != CodeInvalidURI {
				t.Fatalf("got %v", err)
			}
			return
		}
		if want, err := url.PathUnescape(raw); err != nil || want != decoded {
			t.Errorf("decoded to %q, net/url to %q, %v", decoded, want, err)
		}
		if again, ok := appendCanonicalPath(nil, string(canonical)); !ok || string(again) != string(canonical) {
			t.Errorf("canonical form %q of canonical form %q", again, canonical)
		}
		if same, err := DecodePath(string(canonical)); err != nil || same != decoded {
			t.Errorf("canonical form %q names %q, not %q", canonical, same, decoded)
		}
		if got, want := strings.Count(string(canonical), "/"), strings.Count(raw, "/"); got != want {
			t.Errorf("%d slashes became %d: %q", want, got, canonical)
		}
		for _, c := range canonical {
			if c != '/' && c != '%' && !unreserved(c) {
				t.Errorf("%q is in the canonical form", c)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "a", "a=", "=a", "&&", "a=1&a=0", "a-b=1&a=2", "a=%2F&a=-", "a=b=c", "x=+", "x=%2B", "%61=1&a=0", "a=%", "a=%g0",
		"X-Amz-Signature=1&b=2", "X-Amz-%53ignature=1", "list-type=2&prefix=a%2Fb", "a;b=1",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, raw string, presigned bool) {
		var s scratch
		ok := s.appendCanonicalQuery(raw, presigned)
		got := string(s.buf)
		want, wantOK := naiveQuery(raw, presigned)
		if ok != wantOK || ok && got != want {
			t.Fatalf("got %q, %t; want %q, %t", got, ok, want, wantOK)
		}
		if !ok {
			return
		}
		s.buf = nil
		if !s.appendCanonicalQuery(got, presigned) || string(s.buf) != got {
			t.Errorf("canonical form %q of canonical form %q", s.buf, got)
		}
		if scanQuery(raw); StripQuery(StripQuery(raw)) != StripQuery(raw) {
			t.Errorf("stripped twice: %q", StripQuery(StripQuery(raw)))
		}
		if a := scanQuery(StripQuery(raw)); a.any || a.token || a.v2 {
			t.Errorf("something is left of the signature in %q", StripQuery(raw))
		}
	})
}

// naiveQuery is the specification in few words.
func naiveQuery(raw string, presigned bool) (string, bool) {
	var pairs [][2]string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || n == "X-Amz-Signature" && presigned {
			if err1 != nil {
				return "", false
			}
			continue
		}
		if err2 != nil {
			return "", false
		}
		encode := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
		pairs = append(pairs, [2]string{encode(n), encode(v)})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p[0] + "=" + p[1]
	}
	return strings.Join(parts, "&"), true
}

func FuzzAuthorization(f *testing.F) {
	const good = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	f.Add(good)
	f.Add(strings.ReplaceAll(good, ", ", ","))
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/20130524/r/s3/aws4_request,SignedHeaders=host,Signature=x")
	f.Add("AWS4-HMAC-SHA256 ,,,")
	f.Add("AWS AKIA:sig=")
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		var c claim
		err := c.parseAuthorization(value)
		if err == nil {
			err = c.parseCredential("", "s3")
		}
		if err != nil {
			if err.Code == "" || err.Message == "" || err.Status < 400 || err.Status > 499 {
				t.Fatalf("got %+v", err)
			}
			return
		}
		// What was read, written again, reads the same.
		var again claim
		if err := again.parseAuthorization(fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
			c.accessKey, c.scope, c.signedHeaders, c.signature)); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if err := again.parseCredential("", "s3"); err != nil || again != c {
			t.Fatalf("got %+v, want %+v, %v", again, c, err)
		}
		if c.scope != c.date+"/"+c.region+"/s3/aws4_request" {
			t.Fatalf("scope %q of %+v", c.scope, c)
		}
	})
}

type oneKey struct{}

func (oneKey) Secret(accessKey string) (string, bool) { return "a-secret-key", accessKey == "KEY" }

// FuzzVerify feeds whole requests: no panic, no error of another type, no body
// that comes out complete with an error. Nothing of it can be signed right.
func FuzzVerify(f *testing.F) {
	const auth = "Authorization: AWS4-HMAC-SHA256 Credential=KEY/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\r\n"
	const date = "X-Amz-Date: 20130524T000000Z\r\n"
	for _, s := range []string{
		"GET /a/b HTTP/1.1\r\nHost: h\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n" + date + auth + "\r\n",
		"GET /a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20130524%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41 HTTP/1.1\r\nHost: h\r\n\r\n",
		"PUT /a HTTP/1.1\r\nHost: h\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nX-Amz-Decoded-Content-Length: 1\r\nX-Amz-Trailer: x-amz-checksum-crc32\r\n" + date + auth + "Content-Length: 46\r\n\r\n1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNyzgQ==\r\n\r\n",
		"PUT /a HTTP/1.1\r\nHost: h\r\nX-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nX-Amz-Decoded-Content-Length: 0\r\n" + date + auth + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET http://h/x HTTP/1.1\r\nHost: h\r\nX-Amz-Security-Token: t\r\n\r\n",
	} {
		f.Add(s)
	}
	v, err := New(Options{Keys: oneKey{}, Now: func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		if _, err := v.Verify(r); err == nil {
			t.Error("accepted")
		} else if e := new(Error); !errors.As(err, &e) || e.Status < 400 || e.Status > 499 {
			t.Errorf("got %v", err)
		}
		id, err := Unverified(r)
		if err != nil {
			return
		}
		b, err := id.Body(r)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, b)
		if b.Length() > 0 && (err == nil) != (n == b.Length()) {
			t.Errorf("%d of %d bytes with error %v", n, b.Length(), err)
		}
	})
}
