package class_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hearthcache/hearth/proxy/class"
)

// expression says the same as a glob, as a regular expression.
func expression(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	parts := strings.Split(glob, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "**" && last && i == 0:
			b.WriteString(".*")
		case part == "**" && last:
			// "a/**" matches "a" as well: the slash in front belongs to the stars.
			b.WriteString("(?:/.*)?")
		case part == "**":
			if i > 0 {
				b.WriteString("/")
			}
			b.WriteString("(?:[^/]*/)*")
		default:
			if i > 0 && parts[i-1] != "**" {
				b.WriteString("/")
			}
			for _, c := range []byte(part) {
				switch c {
				case '*':
					b.WriteString("[^/]*")
				case '?':
					b.WriteString("[^/]")
				default:
					b.WriteString(regexp.QuoteMeta(string(rune(c))))
				}
			}
		}
	}
	b.WriteString(`\z`)
	return b.String()
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FuzzGlob holds globs against regular expressions.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"a/*/b", "a/x/b"}, {"**/a", "x/y/a"}, {"a/**/b", "a/b"}, {"*a*b*", "xaybz"}, {"?", "a"}, {"a/", "a/"}, {"**/x/**/y", "x/x/y"}, {"**/*", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if !ascii(pattern) || !ascii(key) || strings.HasPrefix(pattern, "s3://") || len(pattern) > 100 || len(key) > 1000 {
			return // regular expressions know runes, globs bytes
		}
		// Neighbouring "**" mean what one means, which the translation does not know.
		if strings.Contains(pattern, "**/**") {
			return
		}
		table, err := class.New([]class.Rule{{Match: pattern, Class: class.Never}})
		if err != nil {
			return
		}
		got := table.Classify("b", key).Rule == pattern
		want := regexp.MustCompile(expression(pattern)).MatchString(key)
		if got != want {
			t.Errorf("glob %q on %q: %t, as a regular expression %t", pattern, key, got, want)
		}
	})
}

// FuzzBuiltIn proves what the built-in rules rest on: whatever is immutable lies in one
// of four folders right below a component that ends in .lance, and no key panics.
func FuzzBuiltIn(f *testing.F) {
	table, err := class.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{
		"t.lance/data/" + dataName + ".lance", "t.lance/_indices/" + uuid + "/index.idx", "t.lance/_deletions/0-3-1.arrow",
		"t.lance/_transactions/0-" + uuid + ".txn", shard + "wal/1.arrow", ".lance/", "a.lance//", "x.lance",
	} {
		f.Add(key)
	}
	shape := regexp.MustCompile(`(?s)[^/]\.lance/(?:data/[^/]+\.lance|_indices/[^/]{36}/[^/]+|_deletions/[^/]+\.(?:arrow|bin)|_transactions/[^/]+\.txn)\z`)
	f.Fuzz(func(t *testing.T, key string) {
		v := table.Classify("b", key)
		if v.Class == class.Immutable && (!shape.MatchString(key) || strings.Contains(key, "/_mem_wal/")) {
			t.Errorf("%q is immutable by %s", key, v.Rule)
		}
		if _, below, ok := strings.Cut(key, "/_mem_wal/"); ok && strings.Count(below, "/") > 0 && v.Class == class.Immutable {
			t.Errorf("%q lies in a shard and is immutable", key)
		}
	})
}
