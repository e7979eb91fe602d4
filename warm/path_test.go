package warm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/warm"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		name, in, bucket, key, prefix string
	}{
		{"a bucket", "s3://lake", "lake", "", ""},
		{"a bucket with a slash", "s3://lake/", "lake", "", ""},
		{"a directory", "s3://lake/a/gen", "lake", "a/gen", "a/gen/"},
		{"a directory with a slash", "s3://lake/a/gen/", "lake", "a/gen/", "a/gen/"},
		{"a key that begins with a slash", "s3://lake//a", "lake", "/a", "/a/"},
		{"a key that is a slash", "s3://lake//", "lake", "/", "/"},
		{"a key that ends with two slashes", "s3://lake/a//", "lake", "a//", "a//"},
		{"dot segments stay", "s3://lake/a/../b/.", "lake", "a/../b/.", "a/../b/./"},
		{"escapes stay", "s3://lake/a%2Fb+c d?x=1#y", "lake", "a%2Fb+c d?x=1#y", "a%2Fb+c d?x=1#y/"},
		{"unicode stays", "s3://lake/ключ/名", "lake", "ключ/名", "ключ/名/"},
		{"the longest key", "s3://lake/" + strings.Repeat("k", 1024), "lake", strings.Repeat("k", 1024), strings.Repeat("k", 1024) + "/"},
		{"an old bucket's name", "s3://My_Bucket.1-x/k", "My_Bucket.1-x", "k", "k/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := warm.ParsePath(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, warm.Path{Bucket: c.bucket, Key: c.key}); diff != "" {
				t.Errorf("got, want:\n%s", diff)
			}
			if got := p.Prefix(); got != c.prefix {
				t.Errorf("prefix is %q, want %q", got, c.prefix)
			}
		})
	}
	for name, in := range map[string]string{
		"nothing":                    "",
		"no scheme":                  "lake/a",
		"another scheme":             "s3a://lake/a",
		"a scheme in capitals":       "S3://lake/a",
		"no bucket":                  "s3://",
		"no bucket, but a key":       "s3:///a",
		"a bucket with a space":      "s3://la ke/a",
		"a bucket with an escape":    "s3://la%6be/a",
		"a bucket with a query":      "s3://lake?x/a",
		"a bucket with NUL":          "s3://la\x00ke/a",
		"credentials":                "s3://user:secret@lake/a",
		"a port":                     "s3://lake:9000/a",
		"a bucket that is too long":  "s3://" + strings.Repeat("b", 256) + "/a",
		"a key that is one too long": "s3://lake/" + strings.Repeat("k", 1025),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := warm.ParsePath(in)
			if !errors.Is(err, warm.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			if field, ok := errors.AsType[*warm.FieldError](err); !ok || field.Field != "path" {
				t.Errorf("got %v, want it to name the field", err)
			}
		})
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"s3://lake", "s3://lake/", "s3://lake//", "s3://lake/a/gen_4", "s3://lake/a//b/", "s3:///", "s3://b?/x", "s3://\xff/k"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := warm.ParsePath(in)
		if err != nil {
			return
		}
		if again, err := warm.ParsePath(p.String()); err != nil || again != p {
			t.Errorf("%q became %+v, and that %+v, %v", in, p, again, err)
		}
		prefix := p.Prefix()
		if prefix != "" && !strings.HasSuffix(prefix, "/") {
			t.Errorf("prefix %q of %q is no directory", prefix, in)
		}
		if !strings.HasPrefix(prefix, p.Key) {
			t.Errorf("prefix %q is not below key %q", prefix, p.Key)
		}
	})
}
