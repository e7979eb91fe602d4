//go:build !noembedded

package embedded_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/origin"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// What the server's HTTP library starts and cannot stop: two clocks, once in
		// a process, and a sweeper that ends by itself within ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/gofiber/utils/v2.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

func start(t *testing.T, o embedded.Options) (*embedded.Store, *origin.Client) {
	t.Helper()
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := origin.New(t.Context(), origin.Config{
		Endpoint: s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := s.EnsureBucket("tables"); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func read(t *testing.T, c *origin.Client, key string) (etag, data string) {
	t.Helper()
	obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: "tables", Key: key, WantSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(obj.Body)
	if err := errors.Join(err, obj.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return obj.ETag, string(b)
}

// etags asks GET, HEAD and LIST for the ETag of a key, which must agree.
func etags(t *testing.T, c *origin.Client, key string) string {
	t.Helper()
	got, _ := read(t, c, key)
	head, err := c.Head(t.Context(), "tables", key, nil)
	if err != nil {
		t.Fatal(err)
	}
	listed := ""
	err = c.List(t.Context(), "tables", key, func(e origin.Entry) error {
		if e.Key == key {
			listed = e.ETag
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if head.ETag != got || listed != got || got == "" || strings.HasPrefix(got, "W/") {
		t.Errorf("%s: ETag of GET %s, of HEAD %s, of LIST %s", key, got, head.ETag, listed)
	}
	return got
}

// both runs f over a store with extended attributes and one with files.
func both(t *testing.T, f func(t *testing.T, o embedded.Options)) {
	t.Helper()
	t.Run("extended attributes", func(t *testing.T) {
		f(t, embedded.Options{Dir: t.TempDir()})
	})
	t.Run("attributes in files", func(t *testing.T) {
		f(t, embedded.WithoutXattr(embedded.Options{Dir: t.TempDir()}))
	})
}

func TestTheClientAndTheStoreUnderstandEachOther(t *testing.T) {
	both(t, func(t *testing.T, o embedded.Options) {
		_, c := start(t, o)
		ctx := t.Context()
		text := strings.Repeat("0123456789", 10_000)
		put, err := c.Put(ctx, "tables", "t/a.lance", strings.NewReader(text), int64(len(text)), http.Header{
			"Content-Type": {"text/x-test"}, "x-amz-meta-color": {"ember"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := etags(t, c, "t/a.lance"); got != put.ETag {
			t.Errorf("put %s, got %s", put.ETag, got)
		}
		for _, rng := range []origin.Range{origin.Closed(10, 90_000), origin.Closed(99_990, 100), origin.From(99_999), origin.Suffix(7)} {
			obj, err := c.Get(ctx, origin.GetRequest{Bucket: "tables", Key: "t/a.lance", Range: rng, IfMatch: put.ETag, WantSize: 100_000})
			if err != nil {
				t.Fatalf("%s: %v", rng, err)
			}
			b, err := io.ReadAll(obj.Body)
			if err := errors.Join(err, obj.Body.Close()); err != nil || string(b) != text[obj.Offset:obj.Offset+obj.Length] {
				t.Errorf("%s: %d bytes, %v", rng, len(b), err)
			}
		}
		head, err := c.Head(ctx, "tables", "t/a.lance", nil)
		if err != nil || head.Header.Get("Content-Type") != "text/x-test" || head.Header.Get("X-Amz-Meta-Color") != "ember" {
			t.Errorf("head %+v %v", head, err)
		}
		for name, want := range map[string]error{
			"past the end": func() error {
				_, err := c.Get(ctx, origin.GetRequest{Bucket: "tables", Key: "t/a.lance", Range: origin.From(100_000), WantSize: -1})
				return is(err, origin.ErrRange)
			}(),
			"another ETag": func() error {
				_, err := c.Get(ctx, origin.GetRequest{Bucket: "tables", Key: "t/a.lance", IfMatch: `"other"`, WantSize: -1})
				return is(err, origin.ErrChanged)
			}(),
			"put if absent": func() error {
				_, err := c.Put(ctx, "tables", "t/a.lance", strings.NewReader("x"), 1, http.Header{"If-None-Match": {"*"}})
				return is(err, origin.ErrChanged)
			}(),
			"missing key": func() error { _, err := c.Head(ctx, "tables", "missing", nil); return is(err, origin.ErrNotFound) }(),
			"missing bucket": func() error {
				_, err := c.ListPage(ctx, origin.ListRequest{Bucket: "missing"})
				if status, ok := errors.AsType[*origin.StatusError](err); !ok || status.Code != "NoSuchBucket" {
					return fmt.Errorf("error %w", err)
				}
				return nil
			}(),
		} {
			if want != nil {
				t.Errorf("%s: %v", name, want)
			}
		}
		if err := c.Delete(ctx, "tables", "t/a.lance", nil); err != nil {
			t.Error(err)
		}
		if _, err := c.Head(ctx, "tables", "t/a.lance", nil); !errors.Is(err, origin.ErrNotFound) {
			t.Errorf("deleted: %v", err)
		}
	})
}

func is(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("error %w, want %w", err, want)
}

func TestKeysThatFilesCanNameArriveExactly(t *testing.T) {
	_, c := start(t, embedded.Options{Dir: t.TempDir()})
	keys := []string{
		" ", "a b", "+", "a+b", "%", "a%2Fb", "100%", "?", "a?b=c", "#x", "&", "=", ";", ":", "@", "!$'()*,", "[::1]", "~",
		"<a>", "\"q\"", "{}", "|", "^", "`", "日本語/ключ", "ä", "e\u0301", "deep/" + strings.Repeat("d/", 20) + "x",
	}
	for _, key := range keys {
		if _, err := c.Put(t.Context(), "tables", key, strings.NewReader(key), int64(len(key)), nil); err != nil {
			t.Errorf("put %q: %v", key, err)
			continue
		}
		if _, data := read(t, c, key); data != key {
			t.Errorf("%q holds %q", key, data)
		}
	}
	listed := map[string]bool{}
	err := c.List(t.Context(), "tables", "", func(e origin.Entry) error { listed[e.Key] = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !listed[key] {
			t.Errorf("%q is not listed", key)
		}
	}
}

func TestTrailersAreVerifiedByTheStore(t *testing.T) {
	_, c := start(t, embedded.Options{Dir: t.TempDir()})
	data := strings.Repeat("hearth", 30_000)
	sum := crc32.ChecksumIEEE([]byte(data))
	good := base64.StdEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	for crc, want := range map[string]int{good: 200, "AAAAAA==": 400} {
		resp, err := c.Do(t.Context(), &origin.Request{
			Method: http.MethodPut, Bucket: "tables", Key: "k",
			Body: strings.NewReader(data), ContentLength: int64(len(data)),
			Trailer: http.Header{"X-Amz-Checksum-Crc32": {crc}},
		})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("checksum %s: %d %s", crc, resp.StatusCode, body)
		}
	}
	if _, got := read(t, c, "k"); got != data {
		t.Errorf("%d bytes of %d", len(got), len(data))
	}
}

func TestMultipartAndCopyKeepTheirETags(t *testing.T) {
	both(t, func(t *testing.T, o embedded.Options) {
		_, c := start(t, o)
		send := func(method, key, query, body string, h http.Header) (http.Header, string) {
			t.Helper()
			resp, err := c.Do(t.Context(), &origin.Request{
				Method: method, Bucket: "tables", Key: key, RawQuery: query, Header: h,
				Body: strings.NewReader(body), ContentLength: int64(len(body)),
			})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode > 299 {
				t.Fatalf("%s %s: %d %s %v", method, query, resp.StatusCode, b, err)
			}
			return resp.Header, string(b)
		}
		between := func(s, from, to string) string {
			_, s, _ = strings.Cut(s, from)
			s, _, _ = strings.Cut(s, to)
			return s
		}
		_, created := send(http.MethodPost, "big", "uploads", "", nil)
		id := between(created, "<UploadId>", "</UploadId>")
		part := strings.Repeat("p", 5<<20)
		one, _ := send(http.MethodPut, "big", "partNumber=1&uploadId="+id, part, nil)
		two, _ := send(http.MethodPut, "big", "partNumber=2&uploadId="+id, "tail", nil)
		_, done := send(http.MethodPost, "big", "uploadId="+id, fmt.Sprintf(
			"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part>"+
				"<Part><PartNumber>2</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>",
			one.Get("ETag"), two.Get("ETag")), nil)
		promised := strings.NewReplacer("&#34;", `"`, "&quot;", `"`).Replace(between(done, "<ETag>", "</ETag>"))
		if got := etags(t, c, "big"); got != promised {
			t.Errorf("complete said %s, got %s", promised, got)
		}
		if _, data := read(t, c, "big"); data != part+"tail" {
			t.Errorf("%d bytes", len(data))
		}
		_, copied := send(http.MethodPut, "copy", "", "", http.Header{"X-Amz-Copy-Source": {"/tables/big"}})
		promised = strings.NewReplacer("&#34;", `"`, "&quot;", `"`).Replace(between(copied, "<ETag>", "</ETag>"))
		if got := etags(t, c, "copy"); got != promised {
			t.Errorf("copy said %s, got %s", promised, got)
		}
	})
}

func TestAFolderDroppedInIsServed(t *testing.T) {
	both(t, func(t *testing.T, o embedded.Options) {
		path := filepath.Join(o.Dir, "tables", "db", "t.lance", "data")
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(path, "a.lance")
		write := func(data string, at time.Time) {
			t.Helper()
			if err := errors.Join(os.WriteFile(file, []byte(data), 0o644), os.Chtimes(file, at, at)); err != nil {
				t.Fatal(err)
			}
		}
		when := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
		write("before", when)
		_, c := start(t, o)
		const key = "db/t.lance/data/a.lance"
		first := etags(t, c, key)
		if _, data := read(t, c, key); data != "before" {
			t.Errorf("data %q", data)
		}
		if _, err := c.Get(t.Context(), origin.GetRequest{Bucket: "tables", Key: key, IfMatch: first, WantSize: 6}); err != nil {
			t.Errorf("If-Match: %v", err)
		}
		write("behind", when.Add(time.Millisecond))
		second := etags(t, c, key)
		if second == first {
			t.Errorf("changed file kept its ETag %s", first)
		}
		// A file of the server's, changed behind its back, loses the ETag it had.
		put, err := c.Put(t.Context(), "tables", key, strings.NewReader("served"), 6, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := etags(t, c, key); got != put.ETag {
			t.Errorf("put %s, got %s", put.ETag, got)
		}
		write("abused", when.Add(time.Second))
		if got := etags(t, c, key); got == put.ETag || got == second {
			t.Errorf("changed file has the ETag %s", got)
		}
	})
}

func TestARestartFindsEverything(t *testing.T) {
	both(t, func(t *testing.T, o embedded.Options) {
		s, c := start(t, o)
		want := map[string]string{}
		for _, key := range []string{"a", "b/c", "b/d"} {
			put, err := c.Put(t.Context(), "tables", key, strings.NewReader(key), int64(len(key)), nil)
			if err != nil {
				t.Fatal(err)
			}
			want[key] = put.ETag
		}
		if b, err := os.ReadFile(filepath.Join(o.Dir, "tables", "b", "c")); err != nil || string(b) != "b/c" {
			t.Errorf("file holds %q, %v", b, err)
		}
		c.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again, c := start(t, o)
		if again.Identity != s.Identity || s.Identity == "" {
			t.Errorf("identity %q, was %q", again.Identity, s.Identity)
		}
		got := map[string]string{}
		err := c.List(t.Context(), "tables", "", func(e origin.Entry) error { got[e.Key] = e.ETag; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("ETags (got, want):\n%s", diff)
		}
	})
}

func TestOneStoreAtATime(t *testing.T) {
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, embedded.Options{Dir: t.TempDir()})
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()}); !errors.Is(err, embedded.ErrRunning) {
		t.Errorf("second start: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("working directory %s, was %s, %v", after, before, err)
	}
	again, _ := start(t, embedded.Options{Dir: t.TempDir(), AccessKey: "mine", SecretKey: "my secret"})
	if again.AccessKey != "mine" || again.SecretKey != "my secret" {
		t.Errorf("keys %s %s", again.AccessKey, again.SecretKey)
	}
}

func TestStartRefusesWhatItCannotServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]embedded.Options{
		"no directory":             {},
		"a file":                   {Dir: file},
		"a key without its secret": {Dir: t.TempDir(), AccessKey: "a"},
	} {
		if s, err := embedded.Start(t.Context(), o); err == nil {
			t.Errorf("%s was accepted", name)
			_ = s.Close()
		}
	}
	s, _ := start(t, embedded.Options{Dir: t.TempDir()})
	for _, bucket := range []string{"", "a", "..", ".hearth-meta", "a/b/c", "../up"} {
		if err := s.EnsureBucket(bucket); err == nil {
			t.Errorf("bucket %q was made", bucket)
		}
	}
}
