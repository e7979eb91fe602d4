package postform

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFieldsBecomeTheHeadersOfAPut(t *testing.T) {
	form := &Form{fields: map[string]string{
		"key": "k", "policy": "p", "acl": "private", "content-type": "text/plain", "cache-control": "", "expires": "tomorrow",
		"x-amz-meta-a": "1", "x-amz-checksum-crc32": "AAAAAA==", "x-amz-server-side-encryption": "AES256", "x-amz-storage-class": "STANDARD",
		"x-amz-copy-source": "/other/secret", "x-amz-credential": "c", "authorization": "a", "x-minio-force-delete": "true", "range": "bytes=0-1",
		"tagging": `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag><Tag><Key>c</Key><Value/></Tag></TagSet></Tagging>`,
	}}
	got, err := form.Header()
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"x-amz-acl": {"private"}, "Content-Type": {"text/plain"}, "Expires": {"tomorrow"}, "x-amz-meta-a": {"1"},
		"x-amz-checksum-crc32": {"AAAAAA=="}, "x-amz-server-side-encryption": {"AES256"}, "x-amz-storage-class": {"STANDARD"},
		"x-amz-tagging": {"a+b=1%262&c="},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFieldsThatAreNoHeadersAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ field, value, want string }{
		"a line break":      {"x-amz-meta-a", "1\r\nx-amz-copy-source: /other/secret", "InvalidArgument"},
		"a NUL":             {"content-type", "a\x00b", "InvalidArgument"},
		"a name with space": {"x-amz-meta-a b", "1", "InvalidArgument"},
		"a name with colon": {"x-amz-meta-a:b", "1", "InvalidArgument"},
		"no XML":            {"tagging", "invalid", "MalformedXML"},
		"other XML":         {"tagging", "<Delete/>", "MalformedXML"},
	} {
		if _, err := (&Form{fields: map[string]string{tt.field: tt.value}}).Header(); code(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatSuccessLooksLike(t *testing.T) {
	for target, want := range map[string]string{
		"https://example.com/done?a=b": "https://example.com/done?a=b&bucket=lake&etag=%22e%22&key=a%2Fb",
		"":                             "", "/relative": "", "javascript:alert(1)": "", "http://": "", "::": "", "https://exa mple.com": "",
	} {
		form := &Form{fields: map[string]string{"success_action_redirect": target}}
		if got, _ := form.Redirect("lake", "a/b", `"e"`); got != want {
			t.Errorf("%q: got %q, want %q", target, got, want)
		}
	}
	if got, ok := (&Form{fields: map[string]string{"redirect": "http://x/"}}).Redirect("b", "k", "e"); !ok || got != "http://x/?bucket=b&etag=e&key=k" {
		t.Errorf("by its old name: %q", got)
	}
	for text, want := range map[string]int{"": 204, "200": 200, "201": 201, "204": 204, "404": 204} {
		if got := (&Form{fields: map[string]string{"success_action_status": text}}).Status(); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
