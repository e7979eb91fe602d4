package origin_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
)

// oddKeys are keys whose names XML, a query or an encoding could change.
var oddKeys = []string{
	" ", "+", "%", "%2F", "&amp;", "<key>", "\"", "'", "a b+c%20d", "a//b", "..", "?#", "\x01", "\x1f", "\x7f", "\n", "\r\n",
	"\t", "]]>", "日本語", "ä", "\u2028", "a\x00b", "\xff", "\xc3\x28",
}

func TestListGivesEveryKeyAsItIs(t *testing.T) {
	srv, c := newOrigin(t, nil)
	want := slices.Clone(oddKeys)
	for i := range 50 {
		want = append(want, fmt.Sprintf("plain/%03d", i))
	}
	for _, key := range want {
		srv.Put("b", key, []byte(key))
	}
	slices.Sort(want)
	var got []string
	err := c.List(t.Context(), "b", "", func(e origin.Entry) error {
		got = append(got, e.Key)
		if e.Size != int64(len(e.Key)) || e.ETag != origintest.ETag([]byte(e.Key)) || !strings.Contains(e.LastModified, "T") {
			t.Errorf("%+v", e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("keys (got, want):\n%s", diff)
	}
}

func TestListPagesAndGroups(t *testing.T) {
	srv, c := newOrigin(t, nil)
	for i := range 25 {
		srv.Put("b", fmt.Sprintf("t/%02d", i), nil)
		srv.Put("b", fmt.Sprintf("t/dir %d/x", i%3), nil)
	}
	srv.Put("b", "other", nil)
	var keys, prefixes []string
	req := origin.ListRequest{Bucket: "b", Prefix: "t/", Delimiter: "/", MaxKeys: 10, StartAfter: "t/04"}
	for pages := 1; ; pages++ {
		page, err := c.ListPage(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			keys = append(keys, e.Key)
		}
		prefixes = append(prefixes, page.CommonPrefixes...)
		if req.Token = page.NextToken; req.Token == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(keys) != 20 || keys[0] != "t/05" || keys[19] != "t/24" {
		t.Errorf("keys %q", keys)
	}
	if diff := cmp.Diff(prefixes, []string{"t/dir 0/", "t/dir 1/", "t/dir 2/"}); diff != "" {
		t.Errorf("prefixes (got, want):\n%s", diff)
	}
}

func TestListStopsWhenYieldSaysSo(t *testing.T) {
	srv, c := newOrigin(t, nil)
	srv.Put("b", "1", nil)
	srv.Put("b", "2", nil)
	enough := errors.New("enough")
	calls := 0
	err := c.List(t.Context(), "b", "", func(origin.Entry) error { calls++; return enough })
	if err != enough || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestListOfAMissingBucketIsNoMiss(t *testing.T) {
	_, c := newOrigin(t, nil)
	_, err := c.ListPage(t.Context(), origin.ListRequest{Bucket: "missing"})
	status, ok := errors.AsType[*origin.StatusError](err)
	if !ok || status.Code != "NoSuchBucket" || errors.Is(err, origin.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

func TestAListCutShortIsTriedAgain(t *testing.T) {
	srv, c := newOrigin(t, nil)
	for i := range 100 {
		srv.Put("b", fmt.Sprint(i), nil)
	}
	srv.Inject(origintest.Rule{Nth: 1, Action: origintest.Truncate(2000)})
	srv.Inject(origintest.Rule{Nth: 2, Action: origintest.Chunked().And(origintest.Truncate(2000))})
	srv.Inject(origintest.Rule{Nth: 3, Action: origintest.WrongLength(-500)}) // ends well, says less
	page, err := c.ListPage(t.Context(), origin.ListRequest{Bucket: "b"})
	if err != nil || len(page.Entries) != 100 || srv.Count("LIST") != 4 {
		t.Errorf("%v after\n%s", err, srv)
	}
}

// listAnswer is a client of a store that answers every LIST with body.
func listAnswer(t *testing.T, body string) *origin.Client {
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return newClient(t, origintest.StartCapture(t, answer).URL(), nil)
}

func TestListAnswers(t *testing.T) {
	const contents = `<Contents><Key>a+b%20c</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>` +
		`<ETag>&quot;x&quot;</ETag><Size>7</Size><Owner><ID>o</ID></Owner></Contents>`
	list := func(inner string) string {
		return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + inner + `</ListBucketResult>`
	}
	raw := strings.TrimSuffix(strings.TrimPrefix(contents, "<Contents>"), "</Contents>")
	entry := origin.Entry{Size: 7, ETag: `"x"`, LastModified: "2026-01-02T03:04:05.678Z", Raw: []byte(raw)}
	encoded, plain := entry, entry
	encoded.Key, plain.Key = "a b c", "a+b%20c"
	tests := []struct {
		name string
		body string
		want *origin.ListPage
		err  error
	}{
		{"an empty listing", list(""), &origin.ListPage{}, nil},
		{"encoded keys", list("<EncodingType>url</EncodingType>" + contents), &origin.ListPage{KeysEncoded: true, Entries: []origin.Entry{encoded}}, nil},
		{"a store without encoding-type", list(contents), &origin.ListPage{Entries: []origin.Entry{plain}}, nil},
		{"prefixes", list("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"), &origin.ListPage{CommonPrefixes: []string{"a/"}}, nil},
		{"more to come", list("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"), &origin.ListPage{NextToken: "t"}, nil},
		{"a token of the last page", list("<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>"), &origin.ListPage{}, nil},
		{"more to come without a token", list("<IsTruncated>true</IsTruncated>"), nil, origin.ErrCorrupt},
		{"an entry without a key", list("<Contents><Size>1</Size></Contents>"), nil, origin.ErrCorrupt},
		{"an entry without a size", list("<Contents><Key>k</Key></Contents>"), nil, origin.ErrCorrupt},
		{"a negative size", list("<Contents><Key>k</Key><Size>-1</Size></Contents>"), nil, origin.ErrCorrupt},
		{"a broken escape", list("<EncodingType>url</EncodingType><Contents><Key>%z</Key><Size>1</Size></Contents>"), nil, origin.ErrCorrupt},
		{"an error in a 200", "<Error><Code>InternalError</Code></Error>", nil, origin.ErrCorrupt},
		{"no XML", "hello", nil, origin.ErrCorrupt},
		{"nothing", "", nil, origin.ErrCorrupt},
		{"half of it", list(contents)[:200], nil, origin.ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := listAnswer(t, tt.body).ListPage(t.Context(), origin.ListRequest{Bucket: "b"})
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if page != nil && len(page.Entries) == 0 {
				page.Entries = nil
			}
			if diff := cmp.Diff(page, tt.want); diff != "" {
				t.Errorf("page (got, want):\n%s", diff)
			}
		})
	}
	t.Run("a listing that does not advance", func(t *testing.T) {
		c := listAnswer(t, list("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"))
		err := c.List(t.Context(), "b", "", func(origin.Entry) error { return nil })
		if !errors.Is(err, origin.ErrCorrupt) {
			t.Errorf("error %v", err)
		}
	})
}

func TestWrites(t *testing.T) {
	srv, c := newOrigin(t, nil)
	ctx := t.Context()
	put, err := c.Put(ctx, "b", "k", strings.NewReader("hello"), 5, http.Header{"Content-Type": {"text/x"}})
	if o, _ := srv.Object("b", "k"); err != nil || put.ETag != o.ETag || o.Header.Get("Content-Type") != "text/x" {
		t.Errorf("%+v %v", put, err)
	}
	_, err = c.Put(ctx, "b", "k", strings.NewReader("other"), 5, http.Header{"If-None-Match": {"*"}})
	if o, _ := srv.Object("b", "k"); !errors.Is(err, origin.ErrChanged) || string(o.Data) != "hello" {
		t.Errorf("put on top: %v", err)
	}
	if _, err := c.Put(ctx, "b", "empty", nil, 0, nil); err != nil {
		t.Errorf("empty put: %v", err)
	}
	if err := c.Delete(ctx, "b", "k", http.Header{"If-Match": {`"other"`}}); !errors.Is(err, origin.ErrChanged) {
		t.Errorf("conditional delete: %v", err)
	}
	if err := c.Delete(ctx, "b", "k", nil); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := c.Delete(ctx, "b", "k", nil); err != nil {
		t.Errorf("delete again: %v", err)
	}
	if err := c.HeadBucket(ctx, "new"); !errors.Is(err, origin.ErrNotFound) {
		t.Errorf("head bucket: %v", err)
	}
	if err := errors.Join(c.CreateBucket(ctx, "new"), c.HeadBucket(ctx, "new"), c.DeleteBucket(ctx, "new")); err != nil {
		t.Error(err)
	}
	if err := c.HeadBucket(ctx, "new"); !errors.Is(err, origin.ErrNotFound) {
		t.Errorf("head deleted bucket: %v", err)
	}
	for name, err := range map[string]error{
		"put":           func() error { _, err := c.Put(ctx, "b", "", nil, 0, nil); return err }(),
		"delete":        c.Delete(ctx, "b", "", nil),
		"create bucket": c.CreateBucket(ctx, ""),
		"delete bucket": c.DeleteBucket(ctx, ""),
		"head bucket":   c.HeadBucket(ctx, ""),
		"list":          c.List(ctx, "", "", nil),
	} {
		if !errors.Is(err, origin.ErrInvalid) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}
