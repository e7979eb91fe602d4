package origintest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/internal/origintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call sends one request to the server.
func call(t *testing.T, srv *origintest.Server, method, target, body string, h http.Header) (int, http.Header, string, error) {
	t.Helper()
	tr := srv.Transport()
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range h {
		req.Header[name] = values
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return 0, nil, "", err
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header, string(data), err
}

func TestTheStoreBehavesUnlessToldOtherwise(t *testing.T) {
	srv := origintest.Start(t)
	srv.Put("b", "k", []byte("0123456789"))
	etag := origintest.ETag([]byte("0123456789"))
	h := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, tt := range []struct {
		name, method, target, body string
		header                     http.Header
		status                     int
		answer                     string
	}{
		{"a whole object", "GET", "/b/k", "", nil, 200, "0123456789"},
		{"a head", "HEAD", "/b/k", "", nil, 200, ""},
		{"a range", "GET", "/b/k", "", h("Range", "bytes=2-4"), 206, "234"},
		{"a range past the end", "GET", "/b/k", "", h("Range", "bytes=8-99"), 206, "89"},
		{"a suffix", "GET", "/b/k", "", h("Range", "bytes=-3"), 206, "789"},
		{"an open range", "GET", "/b/k", "", h("Range", "bytes=7-"), 206, "789"},
		{"an unsatisfiable range", "GET", "/b/k", "", h("Range", "bytes=10-"), 416, "InvalidRange"},
		{"two ranges", "GET", "/b/k", "", h("Range", "bytes=0-1,3-4"), 200, "0123456789"},
		{"a match", "GET", "/b/k", "", h("If-Match", etag), 200, "0123456789"},
		{"no match", "GET", "/b/k", "", h("If-Match", `"x"`), 412, "PreconditionFailed"},
		{"not modified", "GET", "/b/k", "", h("If-None-Match", etag), 304, ""},
		{"modified", "GET", "/b/k", "", h("If-None-Match", `"x"`), 200, "0123456789"},
		{"not modified since", "GET", "/b/k", "", h("If-Modified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), 304, ""},
		{"modified since", "GET", "/b/k", "", h("If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"), 412, "PreconditionFailed"},
		{"a missing key", "GET", "/b/x", "", nil, 404, "NoSuchKey"},
		{"a missing bucket", "GET", "/x/k", "", nil, 404, "NoSuchBucket"},
		{"put if absent", "PUT", "/b/k", "x", h("If-None-Match", "*"), 412, "PreconditionFailed"},
		{"put if it matches", "PUT", "/b/k2", "x", h("If-Match", `"x"`), 412, "PreconditionFailed"},
		{"a listing", "GET", "/b?list-type=2", "", nil, 200, "<Key>k</Key>"},
		{"buckets", "GET", "/", "", nil, 200, "<Name>b</Name>"},
		{"a copy", "PUT", "/b/copy", "", h("X-Amz-Copy-Source", "/b/k"), 200, "CopyObjectResult"},
		{"the copy", "GET", "/b/copy", "", nil, 200, "0123456789"},
		{"many deletes", "POST", "/b?delete", "<Delete><Object><Key>copy</Key></Object></Delete>", nil, 200, "<Key>copy</Key>"},
		{"a deleted key", "GET", "/b/copy", "", nil, 404, "NoSuchKey"},
		{"a bucket that is not empty", "DELETE", "/b", "", nil, 409, "BucketNotEmpty"},
		{"what it does not know", "GET", "/b?policy", "", nil, 501, "NotImplemented"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, data, err := call(t, srv, tt.method, tt.target, tt.body, tt.header)
			if err != nil || status != tt.status || !strings.Contains(data, tt.answer) {
				t.Errorf("%d %q %v", status, data, err)
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	srv := origintest.Start(t)
	srv.CreateBucket("b")
	_, _, created, _ := call(t, srv, "POST", "/b/k?uploads", "", nil)
	_, id, _ := strings.Cut(created, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	if got := srv.Uploads(); !slices.Equal(got, []string{"k"}) {
		t.Errorf("uploads %q", got)
	}
	parts := ""
	for i, data := range []string{"one", "two"} {
		_, h, _, _ := call(t, srv, "PUT", fmt.Sprintf("/b/k?partNumber=%d&uploadId=%s", i+1, id), data, nil)
		parts += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, h.Get("ETag"))
	}
	status, _, done, err := call(t, srv, "POST", "/b/k?uploadId="+id, "<CompleteMultipartUpload>"+parts+"</CompleteMultipartUpload>", nil)
	o, found := srv.Object("b", "k")
	if err != nil || status != 200 || !found || string(o.Data) != "onetwo" || !strings.HasSuffix(o.ETag, `-2"`) {
		t.Errorf("%d %s %v: %+v", status, done, err, o)
	}
	if status, _, _, _ := call(t, srv, "DELETE", "/b/k?uploadId="+id, "", nil); status != 404 {
		t.Errorf("abort after complete: %d", status)
	}
}

func TestRulesPickTheirRequests(t *testing.T) {
	srv := origintest.Start(t)
	srv.Put("b", "k", []byte("hello"))
	srv.Inject(origintest.Rule{Match: origintest.Key("GET", "k"), Nth: 2, Action: origintest.Status(503, "SlowDown")})
	srv.Inject(origintest.Rule{Match: origintest.Under("", "dir/"), Action: origintest.Status(500, "InternalError")})
	var got []int
	for _, target := range []string{"/b/k", "/b/x", "/b/k", "/b/k", "/b/dir/a", "/b?list-type=2&prefix=dir/"} {
		status, _, _, err := call(t, srv, "GET", target, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if want := []int{200, 404, 503, 200, 500, 500}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if srv.Count("GET") != 5 || srv.Count("LIST") != 1 || srv.Counts()["GET"] != 5 {
		t.Errorf("counts %v", srv.Counts())
	}
	if log := srv.String(); !strings.HasPrefix(log, "GET /b/k 200\nGET /b/x 404\nGET /b/k 503\n") {
		t.Errorf("log:\n%s", log)
	}
	srv.Reset()
	srv.Inject(origintest.Rule{Probability: 0.5, Action: origintest.Status(503, "")})
	bad := 0
	for range 100 {
		if status, _, _, _ := call(t, srv, "GET", "/b/k", "", nil); status == 503 {
			bad++
		}
	}
	if bad < 25 || bad > 75 {
		t.Errorf("%d of 100", bad)
	}
}

func TestFaultsAreWhatTheySay(t *testing.T) {
	data := strings.Repeat("x", 100_000)
	release := make(chan struct{})
	close(release)
	for _, tt := range []struct {
		name   string
		action origintest.Action
		bytes  int // received; -1: no answer at all
		broken bool
	}{
		{"a reset", origintest.Reset(), -1, true},
		{"a cut", origintest.Truncate(10), 10, true},
		{"a length too long", origintest.WrongLength(5), 100_000, true},
		{"a length too short", origintest.WrongLength(-5), 99_995, false},
		{"extra bytes behind a length", origintest.Extra([]byte("yy")), 100_000, false},
		{"extra bytes in chunks", origintest.Chunked().And(origintest.Extra([]byte("yy"))), 100_002, false},
		{"chunks", origintest.Chunked(), 100_000, false},
		{"broken chunks", origintest.Chunked().And(origintest.Truncate(10)), 10, true},
		{"a stall that ends", origintest.Stall(10, release), 100_000, false},
		{"a stall before the answer that ends", origintest.Stall(-1, release), 100_000, false},
		{"a delay", origintest.Delay(time.Millisecond), 100_000, false},
		{"nothing", origintest.Action{}, 100_000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := origintest.Start(t)
			srv.Put("b", "k", []byte(data))
			srv.Before(func(r *origintest.Recorded) origintest.Action {
				if r.N != srv.Count("") || r.Target != "/b/k" {
					t.Errorf("recorded %+v", r)
				}
				return tt.action
			})
			_, _, got, err := call(t, srv, "GET", "/b/k", "", nil)
			if (err != nil) != tt.broken || len(got) != max(0, tt.bytes) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestVerifySignatureAgainstThePublishedExample(t *testing.T) {
	// The GET Object example of the Signature Version 4 documentation for S3.
	secret := map[string]string{"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	sign := func(edit func(*origintest.SignedRequest)) error {
		r := origintest.SignedRequest{
			Method: "GET", Target: "/test.txt", Host: "examplebucket.s3.amazonaws.com",
			Header: http.Header{
				"Range":                {"bytes=0-9"},
				"X-Amz-Date":           {"20130524T000000Z"},
				"X-Amz-Content-Sha256": {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
				"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
					"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date," +
					"Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
			},
		}
		if edit != nil {
			edit(&r)
		}
		return origintest.VerifySignature(r, secret, at)
	}
	if err := sign(nil); err != nil {
		t.Error(err)
	}
	for name, edit := range map[string]func(*origintest.SignedRequest){
		"another method":     func(r *origintest.SignedRequest) { r.Method = "PUT" },
		"another path":       func(r *origintest.SignedRequest) { r.Target = "/test.txt/" },
		"another query":      func(r *origintest.SignedRequest) { r.Target = "/test.txt?acl" },
		"another host":       func(r *origintest.SignedRequest) { r.Host = "other" },
		"another range":      func(r *origintest.SignedRequest) { r.Header.Set("Range", "bytes=0-8") },
		"no range":           func(r *origintest.SignedRequest) { r.Header.Del("Range") },
		"another payload":    func(r *origintest.SignedRequest) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"an unsigned amz":    func(r *origintest.SignedRequest) { r.Header.Set("X-Amz-Acl", "public-read") },
		"another date":       func(r *origintest.SignedRequest) { r.Header.Set("X-Amz-Date", "20130524T000001Z") },
		"an ambiguous query": func(r *origintest.SignedRequest) { r.Target = "/test.txt?a=b+c" },
		"nothing":            func(r *origintest.SignedRequest) { r.Header.Del("Authorization") },
		"an unknown access key": func(r *origintest.SignedRequest) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIA", "BKIA", 1))
		},
	} {
		if err := sign(edit); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRequireSignatureRefusesAnUnsignedRequest(t *testing.T) {
	srv := origintest.Start(t)
	srv.Put("b", "k", nil)
	srv.RequireSignature(map[string]string{"a": "b"}, nil)
	status, _, data, err := call(t, srv, "GET", "/b/k", "", nil)
	if err != nil || status != 403 || !strings.Contains(data, "SignatureDoesNotMatch") {
		t.Errorf("%d %s %v", status, data, errors.Unwrap(err))
	}
}
