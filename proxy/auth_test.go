package proxy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/internal/sigv4"
)

// withKeys makes a hearth that knows three keys: for everything, for reading tables/db/,
// and for writing there.
func withKeys(t *testing.T, edit func(*setup)) *hearth {
	t.Helper()
	scope := func(access keyring.Access) []keyring.Scope {
		return []keyring.Scope{{Bucket: bucket, Prefix: "db/", Access: access}}
	}
	ring, err := keyring.New(keyring.Options{Keys: []keyring.Key{
		{AccessKey: "ADMIN", Secret: "admin-secret"},
		{AccessKey: "READER", Secret: "reader-secret", Scopes: scope(keyring.ReadOnly)},
		{AccessKey: "WRITER", Secret: "writer-secret", Scopes: scope(keyring.WriteOnly)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sigv4.New(sigv4.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	return newHearth(t, func(s *setup) {
		s.handler.Verifier, s.handler.Scopes = verifier, ring
		if edit != nil {
			edit(s)
		}
	})
}

// signed sends a request signed with the SDK's signer.
func (h *hearth) signed(key, secret, method, target string, header map[string]string, body string) *answer {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	r.URL.Opaque, r.URL.RawQuery = "//"+r.URL.Host+path, query
	for name, value := range header {
		r.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(),
		aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, r, hash, "s3", "us-east-1", time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	signed := map[string]string{}
	for name := range r.Header {
		signed[name] = r.Header.Get(name)
	}
	return h.ask(h.url, method, path+"?"+r.URL.RawQuery, signed, []byte(body))
}

func TestNobodyGetsInWhoDoesNotBelong(t *testing.T) {
	h := withKeys(t, nil)
	const secret = "these bytes are nobody's business"
	h.origin.Put(bucket, "db/object", []byte(secret))
	h.origin.Put(bucket, immutableKey, []byte(secret))
	h.origin.Put(bucket, "other", []byte(secret))
	// Resident bytes are guarded like others.
	for _, key := range []string{"db/object", immutableKey, "other"} {
		if a := h.signed("ADMIN", "admin-secret", "GET", "/"+bucket+"/"+key, nil, ""); a.Status != 200 {
			t.Fatalf("%s: %d %s", key, a.Status, a.Body)
		}
	}
	h.origin.Reset()
	cases := []struct {
		name                        string
		key, secret, method, target string
		header                      map[string]string
		body                        string
		code                        string
	}{
		{name: "wrong secret", key: "ADMIN", secret: "guess", method: "GET", target: "/" + bucket + "/db/object", code: "SignatureDoesNotMatch"},
		{name: "wrong secret, resident", key: "ADMIN", secret: "guess", method: "GET", target: "/" + bucket + "/" + immutableKey, code: "SignatureDoesNotMatch"},
		{name: "unknown key", key: "NOBODY", secret: "x", method: "GET", target: "/" + bucket + "/db/object", code: "InvalidAccessKeyId"},
		{name: "reader outside of its prefix", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "/other", code: "AccessDenied"},
		{name: "reader beside its prefix", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "/db", code: "AccessDenied"},
		{name: "reader through dots", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "/db/../other", code: "AccessDenied"},
		{name: "reader in another bucket", key: "READER", secret: "reader-secret", method: "GET", target: "/elsewhere/db/object", code: "AccessDenied"},
		{name: "reader writes", key: "READER", secret: "reader-secret", method: "PUT", target: "/" + bucket + "/db/object", body: "x", code: "AccessDenied"},
		{name: "reader deletes", key: "READER", secret: "reader-secret", method: "DELETE", target: "/" + bucket + "/db/object", code: "AccessDenied"},
		{name: "reader starts an upload", key: "READER", secret: "reader-secret", method: "POST", target: "/" + bucket + "/db/object?uploads=", code: "AccessDenied"},
		{name: "reader lists all", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?list-type=2", code: "AccessDenied"},
		{name: "reader lists another prefix", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?list-type=2&prefix=d", code: "AccessDenied"},
		{name: "reader lists two prefixes", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?list-type=2&prefix=db%2F&prefix=other", code: "AccessDenied"},
		{name: "reader lists versions of two prefixes", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?prefix=db%2F&prefix=&versions=", code: "AccessDenied"},
		{name: "writer selects", key: "WRITER", secret: "writer-secret", method: "POST", target: "/" + bucket + "/db/object?select=&select-type=2", body: "x", code: "AccessDenied"},
		{name: "reader makes a bucket", key: "READER", secret: "reader-secret", method: "PUT", target: "/fresh", code: "AccessDenied"},
		{name: "reader reads the policy", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?policy=", code: "AccessDenied"},
		{name: "reader lists versions", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?versions=", code: "AccessDenied"},
		{name: "reader lists uploads", key: "READER", secret: "reader-secret", method: "GET", target: "/" + bucket + "?uploads=", code: "AccessDenied"},
		{name: "writer reads", key: "WRITER", secret: "writer-secret", method: "GET", target: "/" + bucket + "/db/object", code: "AccessDenied"},
		{name: "writer copies what it may not read", key: "WRITER", secret: "writer-secret", method: "PUT", target: "/" + bucket + "/db/copy", header: map[string]string{"X-Amz-Copy-Source": "/" + bucket + "/other"}, code: "AccessDenied"},
		{name: "writer deletes many, one of them elsewhere", key: "WRITER", secret: "writer-secret", method: "POST", target: "/" + bucket + "?delete=", body: "<Delete><Object><Key>db/a</Key></Object><Object><Key>other</Key></Object></Delete>", code: "AccessDenied"},
		{name: "writer deletes what cannot be read", key: "WRITER", secret: "writer-secret", method: "POST", target: "/" + bucket + "?delete=", body: "<Delete><Obj", code: "AccessDenied"},
		{name: "session token", key: "ADMIN", secret: "admin-secret", method: "GET", target: "/" + bucket + "/db/object", header: map[string]string{"X-Amz-Security-Token": "t"}, code: "InvalidToken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := h.signed(c.key, c.secret, c.method, c.target, c.header, c.body)
			if a.Err != nil || a.Status < 400 || a.Status > 403 || !strings.Contains(string(a.Body), "<Code>"+c.code+"</Code>") {
				t.Errorf("%d %v %s, want %s", a.Status, a.Err, a.Body, c.code)
			}
			if strings.Contains(fmt.Sprint(a.Header, string(a.Body)), secret) {
				t.Error("bytes leaked")
			}
		})
	}
	t.Run("unsigned", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"} {
			if a := h.ask(h.url, method, "/"+bucket+"/"+immutableKey, nil, nil); a.Status < 400 || a.Status > 403 {
				t.Errorf("%s: %d", method, a.Status)
			}
		}
	})
	if n := h.origin.Count(""); n != 0 {
		t.Errorf("%d refused requests reached the origin:\n%s", n, h.origin)
	}
	t.Run("what is allowed passes", func(t *testing.T) {
		for _, c := range []struct{ key, secret, method, target, body string }{
			{"READER", "reader-secret", "GET", "/" + bucket + "/db/object", ""},
			{"READER", "reader-secret", "GET", "/" + bucket + "?list-type=2&prefix=db%2F", ""},
			{"WRITER", "writer-secret", "PUT", "/" + bucket + "/db/new", "x"},
			{"WRITER", "writer-secret", "POST", "/" + bucket + "?delete=", "<Delete><Object><Key>db/new</Key></Object></Delete>"},
		} {
			if a := h.signed(c.key, c.secret, c.method, c.target, nil, c.body); a.Status != 200 {
				t.Errorf("%s %s %s: %d %s", c.key, c.method, c.target, a.Status, a.Body)
			}
		}
	})
}

// awkwardKeys are what proxies like to clean, decode twice or trip over.
func awkwardKeys() []string {
	keys := []string{
		"a//b", "a///b", "/leading", "//leading", "trailing/", "trailing//", ".", "..", "./a", "../a", "a/./b", "a/../b", "a/..", "%2F", "a%2Fb", "a%252Fb",
		"%", "%%", "%zz", "100%", "a b", " ", "a+b", "+", "a%20b", "a?b", "?", "a&b=c", "a#b", "a;b", "a:b", "a,b", "a'b", `a"b`, "a<b>", "a\\b", "a|b",
		"a{b}", "a[b]", "a^b`c", "a@b", "a!$&()*=", "~", "-_.", "ü", "文字/🔥", "e\u0301", "\u00e9", "\xff\xfe", "a\tb", "a\nb", "a\rb", "\x01\x7f", "http://x/y", "favicon.ico",
		"index.html", "CON", "a.", "a ", "_mem_wal", "x.lance/_mem_wal//manifest/", strings.Repeat("k", 1000), strings.Repeat("ü", 500),
	}
	random := rand.New(rand.NewPCG(1, 2))
	const alphabet = "ab/.%+ ?&=#;:@!$'()*,[]\\\"<>^`{|}~-_üñ文\x00\x80\xff"
	for len(keys) < 220 {
		b := make([]byte, 1+random.IntN(40))
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		if strings.IndexByte(string(b), 0) < 0 {
			keys = append(keys, string(b))
		}
	}
	return keys
}

// escape is the percent-encoding that S3 signs, written here once more.
func escape(key string) string {
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c == '/' || c == '-' || c == '_' || c == '.' || c == '~' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestAwkwardKeysArriveAtTheOriginExactly(t *testing.T) {
	capture := origintest.StartCapture(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"x\"\r\n\r\n")
	h := withKeys(t, func(s *setup) { s.origin.Endpoint = capture.URL() })
	keys := awkwardKeys()
	if len(keys) < 200 {
		t.Fatalf("only %d keys", len(keys))
	}
	for _, key := range keys {
		for _, method := range []string{"PUT", "GET", "HEAD", "DELETE"} {
			target := "/" + bucket + "/" + escape(key)
			a := h.signed("ADMIN", "admin-secret", method, target, map[string]string{"X-Amz-Meta-Mixed-Case": "v", "X-Amz-Storage-Class": "STANDARD"}, "")
			if a.Status != 200 {
				t.Errorf("%s %q: %d %s", method, key, a.Status, a.Body)
			}
			requests := capture.Take()
			if len(requests) != 1 {
				t.Errorf("%s %q: %d requests", method, key, len(requests))
				continue
			}
			got := requests[0]
			if got.Method != method || got.Target != target {
				t.Errorf("%q arrived as %s %s, want %s", key, got.Method, got.Target, target)
			}
			if v := got.Values("x-amz-storage-class"); len(v) != 1 || v[0] != "STANDARD" {
				t.Errorf("%q: headers %q", key, got.Headers)
			}
			if err := origintest.VerifySignature(got.Signed(), map[string]string{"origin-key": "origin-secret"}, time.Now()); err != nil {
				t.Errorf("%s %q: %v", method, key, err)
			}
		}
	}
}
