package origin_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestGetGivesThePartAskedFor(t *testing.T) {
	srv, c := newOrigin(t, nil)
	data := randomBytes(1000, 1)
	etag := srv.Put("b", "k", data)
	srv.Put("b", "empty", nil)
	tests := []struct {
		name        string
		key         string
		rng         origin.Range
		off, length int64
		err         error
	}{
		{"all", "k", origin.All(), 0, 1000, nil},
		{"the first byte", "k", origin.Closed(0, 1), 0, 1, nil},
		{"the last byte", "k", origin.Closed(999, 1), 999, 1, nil},
		{"the middle", "k", origin.Closed(100, 200), 100, 200, nil},
		{"exactly all", "k", origin.Closed(0, 1000), 0, 1000, nil},
		{"more than there is", "k", origin.Closed(900, 200), 900, 100, nil},
		{"far more than there is", "k", origin.Closed(1, 1<<62), 1, 999, nil},
		{"past the end", "k", origin.Closed(1000, 1), 0, 0, origin.ErrRange},
		{"from", "k", origin.From(990), 990, 10, nil},
		{"from the start", "k", origin.From(0), 0, 1000, nil},
		{"from past the end", "k", origin.From(1000), 0, 0, origin.ErrRange},
		{"a suffix", "k", origin.Suffix(64), 936, 64, nil},
		{"a suffix of all", "k", origin.Suffix(1000), 0, 1000, nil},
		{"a suffix of more", "k", origin.Suffix(5000), 0, 1000, nil},
		{"an empty object", "empty", origin.All(), 0, 0, nil},
		{"a part of an empty object", "empty", origin.Closed(0, 1), 0, 0, origin.ErrRange},
		{"a suffix of an empty object", "empty", origin.Suffix(1), 0, 0, origin.ErrRange},
		{"no bytes", "k", origin.Closed(0, 0), 0, 0, origin.ErrInvalid},
		{"a negative offset", "k", origin.Closed(-1, 2), 0, 0, origin.ErrInvalid},
		{"an overflow", "k", origin.Closed(2, 1<<63-1), 0, 0, origin.ErrInvalid},
		{"an empty suffix", "k", origin.Suffix(0), 0, 0, origin.ErrInvalid},
		{"a missing key", "missing", origin.All(), 0, 0, origin.ErrNotFound},
		{"no key", "", origin.All(), 0, 0, origin.ErrInvalid},
	}
	for _, whole := range []bool{false, true} {
		srv.Reset()
		if whole {
			srv.Inject(origintest.Rule{Action: origintest.WholeForRange()})
		}
		for _, tt := range tests {
			name := tt.name
			if whole {
				name += ", from a store that knows no ranges"
			}
			t.Run(name, func(t *testing.T) {
				obj, got, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: tt.key, Range: tt.rng, WantSize: -1})
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if err != nil {
					return
				}
				want := data
				if tt.key == "empty" {
					want = nil
				} else if obj.ETag != etag {
					t.Errorf("ETag %s", obj.ETag)
				}
				if obj.Offset != tt.off || obj.Length != tt.length || obj.Size != int64(len(want)) {
					t.Errorf("got %d+%d of %d", obj.Offset, obj.Length, obj.Size)
				}
				sameBytes(t, got, want[tt.off:tt.off+tt.length])
			})
		}
	}
}

func TestAnUnsatisfiableRangeTellsTheSize(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "k", randomBytes(77, 1))
	_, err := c.Get(t.Context(), origin.GetRequest{Bucket: "b", Key: "k", Range: origin.From(100), WantSize: -1})
	status, ok := errors.AsType[*origin.StatusError](err)
	if !ok || status.Size != 77 || status.Status != 416 || status.Code != "InvalidRange" {
		t.Errorf("error %v: %+v", err, status)
	}
}

func TestGetChecksTheAnswerBeforeAByteIsHandedOut(t *testing.T) {
	data := randomBytes(1000, 1)
	other := `"00000000000000000000000000000000"`
	header := func(name, value string) origintest.Action {
		return origintest.WithHeader(http.Header{name: {value}})
	}
	tests := []struct {
		name   string
		action origintest.Action
		edit   func(*origin.GetRequest)
		want   error
	}{
		{"nothing wrong", origintest.Action{}, nil, nil},
		{"another range", origintest.ContentRange("bytes 101-300/1000"), nil, origin.ErrCorrupt},
		{"a longer range", origintest.ContentRange("bytes 100-300/1000"), nil, origin.ErrCorrupt},
		{"a shorter range", origintest.ContentRange("bytes 100-298/1000"), nil, origin.ErrCorrupt},
		{"another total", origintest.ContentRange("bytes 100-299/999"), func(r *origin.GetRequest) { r.WantSize = 1000 }, origin.ErrChanged},
		{"a total that cuts the range", origintest.ContentRange("bytes 100-299/200"), nil, origin.ErrCorrupt},
		{"an unknown total", origintest.ContentRange("bytes 100-299/*"), nil, origin.ErrCorrupt},
		{"no Content-Range", origintest.ContentRange(""), nil, origin.ErrCorrupt},
		{"nonsense", origintest.ContentRange("bytes a-b/c"), nil, origin.ErrCorrupt},
		{"a Content-Length too long", origintest.WrongLength(1), nil, origin.ErrCorrupt},
		{"a Content-Length too short", origintest.WrongLength(-1), nil, origin.ErrCorrupt},
		{"another ETag, If-Match ignored", origintest.IgnoreIfMatch(), func(r *origin.GetRequest) { r.IfMatch = other }, origin.ErrChanged},
		{"another ETag, If-Match honoured", origintest.Action{}, func(r *origin.GetRequest) { r.IfMatch = other }, origin.ErrChanged},
		{"a weak ETag", header("Etag", `W/"x"`), func(r *origin.GetRequest) { r.IfMatch = origintest.ETag(data) }, origin.ErrChanged},
		{"no ETag", header("Etag", ""), func(r *origin.GetRequest) { r.IfMatch = origintest.ETag(data) }, origin.ErrCorrupt},
		{"a weak ETag to match", origintest.Action{}, func(r *origin.GetRequest) { r.IfMatch = `W/"x"` }, origin.ErrInvalid},
		{"the wrong size", origintest.Action{}, func(r *origin.GetRequest) { r.WantSize = 999 }, origin.ErrChanged},
		{"the whole, another size", origintest.WholeForRange(), func(r *origin.GetRequest) { r.WantSize = 999 }, origin.ErrChanged},
		{"the whole, no length", origintest.WholeForRange().And(origintest.Chunked()), nil, origin.ErrCorrupt},
		{"a part without a length", origintest.Chunked(), nil, nil},
		{"a part where all was asked for", header("Content-Range", "bytes 0-999/1000"), func(r *origin.GetRequest) { r.Range = origin.All() }, nil},
		{"not modified, unasked", origintest.Status(304, ""), nil, origin.ErrCorrupt},
		{"access denied", origintest.Status(403, "AccessDenied"), nil, origin.ErrDenied},
		{"no such bucket", origintest.Status(404, "NoSuchBucket"), nil, errNoKind},
		{"a redirect", origintest.Status(301, "PermanentRedirect"), nil, errNoKind},
		{"not implemented", origintest.Status(501, "NotImplemented"), nil, errNoKind},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv, c := newOrigin(t, nil)
			etag := srv.Put("b", "k", data)
			srv.Inject(origintest.Rule{Action: tt.action})
			req := origin.GetRequest{Bucket: "b", Key: "k", Range: origin.Closed(100, 200), IfMatch: etag, WantSize: 1000}
			if tt.edit == nil {
				req.IfMatch, req.WantSize = "", -1
			} else {
				tt.edit(&req)
			}
			obj, err := c.Get(t.Context(), req)
			if err == nil {
				_ = obj.Body.Close()
			}
			if tt.want == errNoKind {
				status, ok := errors.AsType[*origin.StatusError](err)
				if !ok || status.Unwrap() != nil {
					t.Errorf("error %v", err)
				}
			} else if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if n := srv.Count("GET"); n > 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// errNoKind stands for a StatusError that unwraps to nothing.
var errNoKind = errors.New("no kind")

func TestGetResumesAfterAFault(t *testing.T) {
	data := randomBytes(300_000, 1)
	faults := map[string]origintest.Action{
		"a reset":             origintest.ResetAfter(70_000),
		"a cut":               origintest.Truncate(70_000),
		"a cut before a byte": origintest.Truncate(0),
		"a cut of one byte":   origintest.Truncate(299_999),
		"a broken chunk":      origintest.Chunked().And(origintest.Truncate(70_000)),
	}
	for name, fault := range faults {
		for _, whole := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ranges ignored %v", name, whole), func(t *testing.T) {
				srv, c := newOrigin(t, nil)
				etag := srv.Put("b", "k", data)
				fault := fault
				req := origin.GetRequest{Bucket: "b", Key: "k", Range: origin.Closed(0, 300_000), IfMatch: etag, WantSize: 300_000}
				if whole {
					if name == "a broken chunk" {
						return // without a length there is no whole
					}
					fault = fault.And(origintest.WholeForRange())
				}
				srv.Inject(origintest.Rule{Nth: 1, Action: fault})
				if whole {
					srv.Inject(origintest.Rule{Action: origintest.WholeForRange()})
				}
				_, got, err := fetch(t.Context(), c, req)
				if err != nil {
					t.Fatal(err)
				}
				sameBytes(t, got, data)
				reqs := srv.Requests()
				if len(reqs) != 2 || reqs[1].Header.Get("If-Match") != etag {
					t.Fatalf("requests:\n%s", srv)
				}
			})
		}
	}
}

func TestAResumedGetAsksForTheRestOnly(t *testing.T) {
	srv, c := newOrigin(t, nil)
	data := randomBytes(1000, 1)
	srv.Put("b", "k", data)
	srv.Inject(origintest.Rule{Nth: 1, Action: origintest.Truncate(100)})
	srv.Inject(origintest.Rule{Nth: 2, Action: origintest.Truncate(50)})
	_, got, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", Range: origin.Suffix(600), WantSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, got, data[400:])
	want := "GET /b/k bytes=-600 206\nGET /b/k bytes=500-999 206\nGET /b/k bytes=550-999 206\n"
	if diff := cmp.Diff(srv.String(), want); diff != "" {
		t.Errorf("requests (got, want):\n%s", diff)
	}
}

func TestGetGivesUpRatherThanGiveWrongBytes(t *testing.T) {
	data, changed := randomBytes(300_000, 1), randomBytes(300_000, 2)
	cut := origintest.Truncate(70_000)
	tests := []struct {
		name   string
		inject func(*origintest.Server)
		want   error
		tries  int
	}{
		{"replaced in the middle", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: origintest.Swap(s, 70_000, "b", "k", changed)})
		}, origin.ErrChanged, 2},
		{"replaced, and If-Match ignored", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: origintest.Swap(s, 70_000, "b", "k", changed)})
			s.Inject(origintest.Rule{Action: origintest.IgnoreIfMatch()})
		}, origin.ErrChanged, 2},
		{"removed in the middle", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: cut.And(origintest.Do(func() { s.Remove("b", "k") }))})
		}, origin.ErrChanged, 2},
		{"more bytes than promised", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Action: origintest.Chunked().And(origintest.Extra([]byte("x")))})
		}, origin.ErrCorrupt, 1},
		{"a resumed part of another size", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: cut})
			s.Inject(origintest.Rule{Nth: 2, Action: origintest.ContentRange("bytes 70000-299999/300001")})
		}, origin.ErrCorrupt, 2},
		{"a resumed part of another place", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: cut})
			s.Inject(origintest.Rule{Nth: 2, Action: origintest.ContentRange("bytes 69999-299998/300000")})
		}, origin.ErrCorrupt, 2},
		{"no strong ETag to resume with", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Action: cut.And(origintest.WithHeader(http.Header{"Etag": {`W/"x"`}}))})
		}, origin.ErrUnavailable, 1},
		{"no ETag to resume with", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Action: cut.And(origintest.WithHeader(http.Header{"Etag": {""}}))})
		}, origin.ErrUnavailable, 1},
		{"cut again and again", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Action: origintest.Truncate(10)})
		}, origin.ErrUnavailable, 4},
		{"ill for good after a cut", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: cut})
			s.Inject(origintest.Rule{Action: origintest.Status(503, "SlowDown")})
		}, origin.ErrThrottled, 4},
		{"denied after a cut", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: cut})
			s.Inject(origintest.Rule{Action: origintest.Status(403, "ExpiredToken")})
		}, origin.ErrDenied, 2},
		{"a shorter object than it said", func(s *origintest.Server) {
			s.Inject(origintest.Rule{Nth: 1, Action: origintest.WithHeader(http.Header{}).And(origintest.WrongLength(10))})
		}, origin.ErrCorrupt, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv, c := newOrigin(t, nil)
			srv.Put("b", "k", data)
			tt.inject(srv)
			req := origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1}
			if tt.name != "a shorter object than it said" {
				req.Range = origin.From(0)
			}
			_, got, err := fetch(t.Context(), c, req)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if !bytes.HasPrefix(data, got) && tt.name != "more bytes than promised" {
				t.Error("a wrong byte was handed out")
			}
			if n := srv.Count("GET"); n != tt.tries {
				t.Errorf("%d requests, want %d:\n%s", n, tt.tries, srv)
			}
		})
	}
}

func TestTheLastBytesWaitForTheEndOfTheBody(t *testing.T) {
	srv, c := newOrigin(t, nil)
	data := randomBytes(1000, 1)
	srv.Put("b", "k", data)
	srv.Inject(origintest.Rule{Action: origintest.Chunked().And(origintest.Extra([]byte("xyz")))})
	obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: "b", Key: "k", Range: origin.Closed(0, 1000), WantSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = obj.Body.Close() }()
	got, err := io.ReadAll(obj.Body)
	if !errors.Is(err, origin.ErrCorrupt) || len(got) >= 1000 {
		t.Errorf("%d bytes, then %v", len(got), err)
	}
	if _, again := obj.Body.Read(make([]byte, 1)); !errors.Is(again, origin.ErrCorrupt) {
		t.Errorf("next read: %v", again)
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]origintest.Action{
		"500": origintest.Status(500, "InternalError"), "502": origintest.Status(502, ""),
		"503": origintest.Status(503, "ServiceUnavailable"), "SlowDown": origintest.Status(503, "SlowDown"),
		"504": origintest.Status(504, ""), "429": origintest.Status(429, "TooManyRequests"), "a reset": origintest.Reset(),
	} {
		for op, call := range map[string]func(t *testing.T, c *origin.Client) error{
			"get": func(t *testing.T, c *origin.Client) error {
				_, _, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: 5})
				return err
			},
			"head": func(t *testing.T, c *origin.Client) error {
				_, err := c.Head(t.Context(), "b", "k", nil)
				return err
			},
			"list": func(t *testing.T, c *origin.Client) error {
				_, err := c.ListPage(t.Context(), origin.ListRequest{Bucket: "b"})
				return err
			},
			"head bucket": func(t *testing.T, c *origin.Client) error { return c.HeadBucket(t.Context(), "b") },
		} {
			for faults, wantErr := range map[int]bool{1: false, 3: false, 4: true} {
				t.Run(fmt.Sprintf("%s after %d times %s", op, faults, name), func(t *testing.T) {
					srv, c := newOrigin(t, nil)
					srv.Put("b", "k", []byte("hello"))
					for i := range faults {
						srv.Inject(origintest.Rule{Nth: i + 1, Action: fault})
					}
					err := call(t, c)
					if (err != nil) != wantErr {
						t.Errorf("error %v", err)
					}
					if err != nil && !errors.Is(err, origin.ErrUnavailable) && !errors.Is(err, origin.ErrThrottled) {
						t.Errorf("error %v", err)
					}
					if n := srv.Count(""); n != min(faults+1, 4) {
						t.Errorf("%d requests", n)
					}
				})
			}
		}
	}
}

func TestNothingListening(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1", nil)
	_, err := c.Head(t.Context(), "b", "k", nil)
	if !errors.Is(err, origin.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestAConditionalGetMayAnswerNotModified(t *testing.T) {
	srv, c := newOrigin(t, nil)
	etag := srv.Put("b", "k", []byte("hello"))
	h := http.Header{"If-None-Match": {etag}, "Range": {"bytes=0-0"}, "if-match": {`"other"`}}
	obj, data, err := fetch(t.Context(), c, origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1, Header: h})
	if err != nil || obj.Status != http.StatusNotModified || obj.ETag != etag || len(data) != 0 {
		t.Errorf("%+v %q %v", obj, data, err)
	}
	obj, err = c.Head(t.Context(), "b", "k", http.Header{"If-None-Match": {etag}})
	if err != nil || obj.Status != http.StatusNotModified || obj.Size != -1 {
		t.Errorf("%+v %v", obj, err)
	}
}

func TestAnUnaskedNotModifiedIsNoAnswer(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "k", []byte("hello"))
	srv.Inject(origintest.Rule{Action: origintest.Status(304, "")})
	if _, err := c.Head(t.Context(), "b", "k", nil); !errors.Is(err, origin.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func TestHeadTellsTheFacts(t *testing.T) {
	srv, c := newOrigin(t, nil)
	etag := srv.PutObject("b", "k", origintest.Object{Data: []byte("hello"), Header: http.Header{"X-Amz-Meta-A": {"b"}}})
	obj, err := c.Head(t.Context(), "b", "k", nil)
	if err != nil || obj.Size != 5 || obj.ETag != etag || obj.Header.Get("X-Amz-Meta-A") != "b" {
		t.Errorf("%+v %v", obj, err)
	}
	_, err = c.Head(t.Context(), "b", "missing", nil)
	if status, ok := errors.AsType[*origin.StatusError](err); !errors.Is(err, origin.ErrNotFound) || !ok || status.Status != 404 {
		t.Errorf("error %v", err)
	}
}

func TestCloseEndsAReadUnderWay(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "k", randomBytes(300_000, 1))
	srv.Inject(origintest.Rule{Action: origintest.Stall(1000, nil)})
	obj, err := c.Get(t.Context(), origin.GetRequest{Bucket: "b", Key: "k", WantSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(obj.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := io.ReadAll(obj.Body)
		done <- err
	}()
	if err := obj.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil || errors.Is(err, origin.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if n := srv.Count(""); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestRandomFaultsGiveRightBytesOrAnError reads random parts of an object that is
// sometimes replaced, from a store where anything may go wrong.
func TestRandomFaultsGiveRightBytesOrAnError(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, seed))
	srv, c := newOrigin(t, func(c *origin.Config) { c.Tries = 6 })
	versions := map[string][]byte{}
	put := func() {
		data := randomBytes(20_000+rng.IntN(180_000), rng.Uint64())
		versions[srv.Put("b", "k", data)] = data
	}
	put()
	srv.Seed(seed)
	for _, a := range []origintest.Action{
		origintest.Reset(), origintest.ResetAfter(20_000), origintest.Truncate(5_000), origintest.Truncate(0),
		origintest.Status(503, "SlowDown"), origintest.Status(500, "InternalError"), origintest.WholeForRange(),
		origintest.IgnoreIfMatch(), origintest.WrongLength(3), origintest.WrongLength(-3), origintest.Extra([]byte("junk")),
		origintest.Chunked(), origintest.Chunked().And(origintest.Extra([]byte("junk"))),
		origintest.Chunked().And(origintest.Truncate(9_000)), origintest.ContentRange("bytes 0-9/10"),
	} {
		srv.Inject(origintest.Rule{Match: origintest.Class("GET"), Probability: 0.05, Action: a})
	}
	right, wrong := 0, 0
	for range 300 {
		if rng.IntN(10) == 0 {
			put()
		}
		off, n := rng.Int64N(25_000), 1+rng.Int64N(100_000)
		req := origin.GetRequest{Bucket: "b", Key: "k", Range: origin.Closed(off, n), WantSize: -1}
		obj, got, err := fetch(t.Context(), c, req)
		if obj == nil || err != nil {
			for _, kind := range []error{origin.ErrRange, origin.ErrCorrupt, origin.ErrUnavailable, origin.ErrThrottled, origin.ErrChanged} {
				if errors.Is(err, kind) {
					err = nil
				}
			}
			if err != nil {
				t.Fatalf("error %v", err)
			}
			wrong++
			if obj == nil {
				continue
			}
		} else {
			right++
			if int64(len(got)) != obj.Length {
				t.Fatalf("%d bytes of %d", len(got), obj.Length)
			}
		}
		data := versions[obj.ETag]
		// A wrong Content-Length of a whole answer is a wrong size; nothing but
		// WantSize can tell.
		end := min(obj.Offset+int64(len(got)), int64(len(data)))
		sameBytes(t, got, data[min(obj.Offset, end):end])
	}
	if right < 100 {
		t.Errorf("%d reads came through, %d did not", right, wrong)
	}
}
