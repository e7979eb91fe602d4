package keyring

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodFile = `# keys of the query pods
keys:
  - access_key: READERS
    secret_key: at-least-eight
    scopes:
      - bucket: lake-*
        prefix: tables/
        access: read
      - {bucket: tmp, access: readwrite}
  - access_key: WRITERS
    secret_key: "0123456789"
`

func TestFile(t *testing.T) {
	want := []Key{
		{AccessKey: "READERS", Secret: "at-least-eight", Scopes: []Scope{
			{Bucket: "lake-*", Prefix: "tables/", Access: ReadOnly}, {Bucket: "tmp", Access: ReadWrite},
		}},
		{AccessKey: "WRITERS", Secret: "0123456789"},
	}
	for name, text := range map[string]string{
		"YAML": goodFile,
		"JSON": `{"keys": [
	{"access_key": "READERS", "secret_key": "at-least-eight", "scopes": [
		{"bucket": "lake-*", "prefix": "tables/", "access": "read"},
		{"bucket": "tmp", "access": "readwrite"}]},
	{"access_key": "WRITERS", "secret_key": "0123456789"}
]}`,
		"YAML with line ends of another system": strings.ReplaceAll(goodFile, "\n", "\r\n"),
		"a number as secret, taken as written":  strings.Replace(goodFile, `"0123456789"`, "0123456789", 1),
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseFile([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var got []Key
			for _, k := range keys {
				got = append(got, k.Key)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Secret) bool { return string(a) == string(b) })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadFileIsRefusedByLineAndField(t *testing.T) {
	const secret = "hunter2hunter2"
	tests := []struct{ name, text, want string }{
		{"empty", "", "line 1: keys: missing"},
		{"a comment", "# nothing\n", "line 1: keys: missing"},
		{"a list", "- a\n", "line 1: the file: must be a mapping"},
		{"a word", secret, "line 1: the file: must be a mapping"},
		{"no keys field", "{}", "line 1: keys: missing"},
		{"another field", "kees: []\n", "line 1: the file: holds an unknown field"},
		{"no keys", "keys: []\n", "line 1: keys: must hold at least one key"},
		{"keys that are no list", "keys: " + secret + "\n", "line 1: keys: must be a list"},
		{"a key that is no mapping", "keys:\n  - " + secret + "\n", "line 2: keys[0]: must be a mapping"},
		{"no secret", "keys:\n  - access_key: ABC\n", "line 2: keys[0].secret_key: missing"},
		{"no access key", "keys:\n  - secret_key: " + secret + "\n", "line 2: keys[0].access_key: missing"},
		{"a short secret", "keys:\n  - access_key: ABC\n    secret_key: hunter2\n", "line 3: keys[0].secret_key: must have 8 to"},
		{"a secret with a space", "keys:\n  - access_key: ABC\n    secret_key: " + secret + " x\n", "line 3: keys[0].secret_key: must be printable"},
		{"a secret that is null", "keys:\n  - access_key: ABC\n    secret_key:\n", "line 3: keys[0].secret_key: must be a text"},
		{"a secret that is a list", "keys:\n  - access_key: ABC\n    secret_key: [" + secret + "]\n", "line 3: keys[0].secret_key: must be a text"},
		{"a secret that is an alias", "keys:\n  - access_key: &a ABCDEFGHI\n    secret_key: *a\n", "line 3: keys[0].secret_key: must be a text"},
		{"a secret that looks like an unknown alias", "keys:\n  - access_key: ABC\n    secret_key: *" + secret + "\n", "is not valid YAML"},
		{"a secret that looks like a tag", "keys:\n  - access_key: ABC\n    secret_key: !!int " + secret + "\n", ""},
		{"a secret that breaks a quote", "keys:\n  - access_key: ABC\n    secret_key: \"" + secret + "\n", "is not valid YAML"},
		{"a short access key", "keys:\n  - access_key: AB\n    secret_key: " + secret + "\n", "line 2: keys[0].access_key: must have 3 to"},
		{"an access key with a slash", "keys:\n  - access_key: A/BC\n    secret_key: " + secret + "\n", "line 2: keys[0].access_key: must be printable"},
		{"an unknown field", "keys:\n  - access_key: ABC\n    secret: " + secret + "\n", "line 3: keys[0]: holds an unknown field; known are access_key"},
		{"a secret where a name belongs", "keys:\n  - access_key: ABC\n    " + secret + ": x\n", "line 3: keys[0]: holds an unknown field"},
		{"a field twice", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    secret_key: " + secret + "\n", "line 4: keys[0]: holds a field twice"},
		{"an access key twice", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n  - access_key: ABC\n    secret_key: " + secret + "\n", "line 4: access_key: there is another"},
		{"empty scopes", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes: []\n", "scopes: is empty"},
		{"a scope without bucket", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - access: read\n", "line 5: keys[0].scopes[0].bucket: must be"},
		{"a scope without access", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - bucket: b\n", "line 5: keys[0].scopes[0].access: must be"},
		{"a scope of unknown access", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - bucket: b\n        access: all\n", "line 6: keys[0].scopes[0].access: must be read, write or readwrite"},
		{"a scope with an unknown field", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - bucket: b\n        acces: read\n", "line 6: keys[0].scopes[0]: holds an unknown field"},
		{"a glob that is none", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - bucket: \"[a\"\n        access: read\n", "scopes[0].bucket: is not a valid glob"},
		{"a prefix with dots", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n    scopes:\n      - bucket: b\n        prefix: a/../b\n        access: read\n", "scopes[0].prefix: must not hold"},
		{"tabs as indentation", "keys:\n\t- access_key: ABC\n", "is not valid YAML"},
		{"two documents", "keys:\n  - access_key: ABC\n    secret_key: " + secret + "\n---\nkeys: " + secret + "\n", "line 4: the file: must hold one document"},
		{"bytes that are no text", "\xff\xfe\x00", "is not valid YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.text)
			_, err := New(Options{File: path})
			if tt.want == "" { // whatever YAML says of it, it shows nothing
				if err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("shown: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("shown: %v", err)
			}
		})
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	if _, err := New(Options{File: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := New(Options{File: t.TempDir()}); err == nil {
		t.Error("a directory is a keys file")
	}
	if _, err := New(Options{File: writeFile(t, strings.Repeat("#", maxFileBytes+1))}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a huge file: %v", err)
	}
}

func TestFileThatOthersCanReadIsWarnedOf(t *testing.T) {
	path := writeFile(t, goodFile)
	for mode, warned := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true, 0o660: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		mustRing(t, Options{File: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if got := strings.Contains(log.String(), "level=WARN"); got != warned {
			t.Errorf("mode %o: warned %t, want %t", mode, got, warned)
		}
		if strings.Contains(log.String(), "at-least-eight") {
			t.Errorf("a secret is in the log:\n%s", log.String())
		}
	}
}

// FuzzFile reads arbitrary files: no panic, no secret in an error, and whatever
// is accepted is valid.
func FuzzFile(f *testing.F) {
	f.Add(goodFile)
	f.Add(`{"keys":[{"access_key":"ABC","secret_key":"12345678"}]}`)
	f.Add("keys: &a [*a]")
	f.Add("keys:\n  - access_key: ABC\n    secret_key: *x")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseFile([]byte(text))
		if err != nil {
			if len(err.Error()) > 400 {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		for _, k := range keys {
			if err := k.validate(); err != nil {
				t.Errorf("accepted: %v", err)
			}
			if k.Scopes != nil && slices.Contains(k.Scopes, Scope{}) {
				t.Errorf("accepted an empty scope")
			}
		}
		if len(keys) == 0 {
			t.Error("accepted a file without keys")
		}
	})
}
