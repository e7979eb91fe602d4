package proxy

import (
	"net/http"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	for _, c := range []struct{ uri, host, bucket, key, query string }{
		{"/", "h", "", "", ""},
		{"/b", "h", "b", "", ""},
		{"/b/", "h", "b", "", ""},
		{"/b/k", "h", "b", "k", ""},
		{"/b//k", "h", "b", "/k", ""},
		{"/b/a//b/../c/./", "h", "b", "a//b/../c/./", ""},
		{"/b/%2F%20+%25zz", "h", "b", "/ +%zz", ""},
		{"/b/%2e%2e/k", "h", "b", "../k", ""},
		{"/b/k?acl", "h", "b", "k", "acl"},
		{"/b/k?X-Amz-Signature=1&versionId=2&X-Amz-Date=3", "h", "b", "k", "versionId=2"},
		{"/b?list-type=2&prefix=a%2Fb+c", "h", "b", "", "list-type=2&prefix=a%2Fb+c"},
		{"http://h/b/k", "h", "b", "k", ""},
		{"/k", "data.s3.local", "data", "k", ""},
		{"/k", "data.s3.local:9000", "data", "k", ""},
		{"//k", "data.s3.local", "data", "/k", ""},
		{"/", "DATA.S3.LOCAL", "data", "", ""},
		{"/b/k", "s3.local", "b", "k", ""},
		{"/b/k", "x.other.local", "b", "k", ""},
	} {
		got, err := parseTarget(&http.Request{RequestURI: c.uri, Host: c.host}, []string{"s3.local"})
		if err != nil || got.Bucket != c.bucket || got.Key != c.key || got.Query.Raw() != c.query {
			t.Errorf("%s at %s: %q %q %q, %v", c.uri, c.host, got.Bucket, got.Key, got.Query.Raw(), err)
		}
	}
}

func TestRefusedTargets(t *testing.T) {
	for _, uri := range []string{"/b/%", "/b/%zz", "/%2F/k", "//k", "/./k", "/../k", "*", "/b%00/k", "/%2e%2e/k"} {
		if got, err := parseTarget(&http.Request{RequestURI: uri, Host: "h"}, nil); err == nil {
			t.Errorf("%s: %q %q", uri, got.Bucket, got.Key)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/b/k", "/b/%2F//../x?acl&prefix=%20", "http://h/b", "*", "/%"} {
		f.Add(seed, "data.s3.local")
	}
	f.Fuzz(func(t *testing.T, uri, host string) {
		got, err := parseTarget(&http.Request{RequestURI: uri, Host: host}, []string{"s3.local"})
		if err != nil {
			return
		}
		// What is forwarded means the same when it is parsed again.
		again, err := parseTarget(&http.Request{RequestURI: "/" + got.Bucket + "/" + strings.ReplaceAll(got.Key, "%", "%25") + "?" + got.Query.Raw(), Host: "h"}, nil)
		if strings.ContainsAny(got.Key, "?#") || strings.ContainsAny(got.Bucket, "%") || got.Bucket == "" {
			return
		}
		if err != nil || again.Key != got.Key || again.Bucket != got.Bucket || again.Query.Raw() != got.Query.Raw() {
			t.Errorf("%q at %q: %+v, again %+v, %v", uri, host, got, again, err)
		}
	})
}
