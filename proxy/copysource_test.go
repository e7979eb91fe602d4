package proxy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/internal/sigv4"
)

func TestParseCopySource(t *testing.T) {
	for _, tt := range []struct{ source, bucket, key, message string }{
		{source: "lake/a/b", bucket: "lake", key: "a/b"},
		{source: "/lake/a%20b+c?versionId=3", bucket: "lake", key: "a b+c"},
		{source: "lake%2Fa%2Fb", bucket: "lake", key: "a/b"},
		{source: "%2Flake%2Fa%3Fb", bucket: "lake", key: "a?b"},
		{source: "lake/../other/a", bucket: "lake", key: "../other/a"},
		{source: "lake", bucket: "lake"},
		{source: "lake/", bucket: "lake"},
		{source: "lake/%ZZ", message: "Invalid copy source encoding"},
		{source: "%", message: "Invalid copy source encoding"},
		{source: "", message: "Invalid copy source bucket name"},
		{source: "//a", message: "Invalid copy source bucket name"},
		{source: "arn:aws:s3:us-east-1:1:accesspoint/x/object/y", message: "Invalid copy source bucket name"},
	} {
		bucket, key, err := parseCopySource(tt.source)
		f, _ := errors.AsType[*Failure](err)
		if (err != nil) != (tt.message != "") || f != nil && f.Message != tt.message || bucket != tt.bucket || key != tt.key {
			t.Errorf("%q: got %q, %q and %v, want %+v", tt.source, bucket, key, err, tt)
		}
	}
}

type lakeOnly struct{}

func (lakeOnly) Allow(_, bucket, _ string, _ keyring.Op) bool { return bucket == "lake" }

func TestACopyNeedsTheRightToReadItsSource(t *testing.T) {
	h := &Handler{scopes: lakeOnly{}}
	for source, allowed := range map[string]bool{
		"lake/a": true, "lake%2Fa": true, "other/a": false, "other%2Fa": false, "%2Fother%2Fa": false, "lake/%": false,
		"other": true, // names nothing that could be copied: the origin refuses it
	} {
		r := httptest.NewRequest(http.MethodPut, "/lake/copy", strings.NewReader(""))
		r.Header.Set("x-amz-copy-source", source)
		q := &call{target: target{Bucket: "lake", Key: "copy"}, identity: &sigv4.Identity{AccessKey: "K"}}
		if err := h.allowWrite(r, q); (err == nil) != allowed {
			t.Errorf("%q: got %v, allowed is %v", source, err, allowed)
		}
	}
}
