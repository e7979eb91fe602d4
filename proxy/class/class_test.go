package class_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/proxy/class"
)

const (
	uuid     = "aa48498d-ac91-59e2-8452-69f46010ace2"
	dataName = "01101110001111111001011017c4cd44249bcaedea354c5053"
	shard    = "db/t.lance/_mem_wal/" + uuid + "/"
)

func TestBuiltInRulesKnowTheNamesThatLanceGenerates(t *testing.T) {
	table, err := class.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		class class.Class
		rule  string
		keys  []string
	}{
		"data files": {class.Immutable, class.RuleData, []string{
			"t.lance/data/" + dataName + ".lance", "db/t.lance/data/" + dataName + ".lance", "t.lance/data/" + uuid + ".lance",
			"a.lance/b.lance/data/" + dataName + ".lance", "a.lance/x/data/b.lance/data/" + uuid + ".lance", "/t.lance/data/" + uuid + ".lance",
		}},
		"index files": {class.Immutable, class.RuleIndex, []string{
			"t.lance/_indices/" + uuid + "/index.idx", "t.lance/_indices/" + uuid + "/part_0_invert.lance",
		}},
		"deletion files": {class.Immutable, class.RuleDeletion, []string{
			"t.lance/_deletions/0-3-7354233596260525577.arrow", "t.lance/_deletions/12-1-18446744073709551615.bin",
		}},
		"transactions": {class.Immutable, class.RuleTransaction, []string{
			"t.lance/_transactions/0-" + uuid + ".txn", "t.lance/_transactions/123-" + uuid + ".txn",
		}},
		"shard manifests": {class.Never, class.RuleShardManifest, []string{shard + "manifest/1.binpb", shard + "manifest/", shard + "manifest"}},
		"the log":         {class.Never, class.RuleWAL, []string{shard + "wal/1.arrow", shard + "wal"}},
		"hints": {class.Never, class.RuleHint, []string{
			shard + "manifest/version_hint.json", "t.lance/_versions/latest_version_hint.json", shard + "1f0c9a77_gen_3/_versions/latest_version_hint.json",
		}},
		"below a generation": {class.Revalidate, class.RuleGeneration, []string{
			shard + "1f0c9a77_gen_3/data/" + dataName + ".lance", shard + "1f0c9a77_gen_3/_versions/1.manifest", shard + "manifests/x", shard + "",
		}},
		"everything else": {class.Revalidate, class.RuleDefault, []string{
			"", "/", "t.lance", "t.lance/", "t.lance/_versions/18446744073709551614.manifest", "data/" + dataName + ".lance",
			"t/data/" + dataName + ".lance", ".lance/data/" + dataName + ".lance", "db/.lance/data/" + dataName + ".lance",
			"t.lance/data/" + dataName, "t.lance/data/" + dataName[1:] + ".lance", "t.lance/data/2" + dataName[1:] + ".lance",
			"t.lance/data/" + strings.ToUpper(dataName) + ".lance", "t.lance/data/x/" + dataName + ".lance", "t.lance/Data/" + dataName + ".lance",
			"t.lance/data/" + strings.ReplaceAll(uuid, "-", "_") + ".lance", "t.lancet/data/" + dataName + ".lance",
			"t.lance/_indices/" + uuid, "t.lance/_indices/" + uuid + "/", "t.lance/_indices/" + uuid + "/a/b", "t.lance/_indices/x/index.idx",
			"t.lance/_deletions/0-3.arrow", "t.lance/_deletions/0-3-x.arrow", "t.lance/_deletions/0--3.arrow", "t.lance/_deletions/0-3-1.txt",
			"t.lance/_deletions/0-3-111111111111111111111.bin", "t.lance/_transactions/" + uuid + ".txn", "t.lance/_transactions/1-" + uuid,
			"db/t.lance/_mem_wal/" + uuid, "_mem_wal/" + uuid + "/manifest/1.binpb", "t.lance/data/" + dataName + ".lance/",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range tt.keys {
				want := class.Verdict{Class: tt.class, Rule: tt.rule}
				if diff := cmp.Diff(table.Classify("b", key), want); diff != "" {
					t.Errorf("%q (-got +want):\n%s", key, diff)
				}
			}
		})
	}
}

func TestGlobsMatchComponentByComponent(t *testing.T) {
	for pattern, tt := range map[string]struct{ yes, no []string }{
		"a":               {[]string{"a"}, []string{"", "b", "aa", "a/", "/a", "a/b"}},
		"*":               {[]string{"", "a", "abc"}, []string{"a/b", "/", "a/"}},
		"a/*":             {[]string{"a/", "a/b"}, []string{"a", "a/b/c", "b/a"}},
		"a*c":             {[]string{"ac", "abc", "abcbc"}, []string{"ab", "a/c", "acb"}},
		"*a*b*":           {[]string{"ab", "xaybz", "aab"}, []string{"ba", "a", "a/b"}},
		"a?c":             {[]string{"abc", "a?c"}, []string{"ac", "abbc", "a/c"}},
		"?":               {[]string{"a"}, []string{"", "ab", "/"}},
		"**":              {[]string{"", "a", "a/b", "/", "a//b"}, nil},
		"**/a":            {[]string{"a", "x/a", "x/y/a", "/a"}, []string{"a/x", "xa", "x/ya", ""}},
		"a/**":            {[]string{"a/b", "a/b/c", "a/", "a"}, []string{"b/a", "ab"}},
		"a/**/b":          {[]string{"a/b", "a/x/b", "a/x/y/b", "a//b"}, []string{"a/x", "ab", "a/xb"}},
		"**/x/**/y/**":    {[]string{"x/y", "a/x/b/y/c", "x/x/y/y"}, []string{"y/x", "x", "a/y"}},
		"**/a/b":          {[]string{"a/b", "a/a/b", "a/b/a/b"}, []string{"a/b/a", "a/x/b"}},
		"a/b/":            {[]string{"a/b/"}, []string{"a/b", "a/b/c"}},
		"[a]":             {[]string{"[a]"}, []string{"a"}},
		`a\*`:             {[]string{`a\`, `a\b`}, []string{"a*"}},
		"*.lance/**/*.tx": {[]string{"t.lance/a.tx", "t.lance/x/a.tx", ".lance/.tx"}, []string{"t.lance/a.txt", "x/t.lance/a.tx"}},
	} {
		t.Run(pattern, func(t *testing.T) {
			table, err := class.New([]class.Rule{{Match: pattern, Class: class.Never}})
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range tt.yes {
				if v := table.Classify("b", key); v.Rule != pattern {
					t.Errorf("%q does not match", key)
				}
			}
			for _, key := range tt.no {
				if v := table.Classify("b", key); v.Rule == pattern {
					t.Errorf("%q matches", key)
				}
			}
		})
	}
}

func TestTheFirstRuleThatMatchesWins(t *testing.T) {
	table, err := class.New([]class.Rule{
		{Match: "s3://hot/**/*.manifest", Class: class.Revalidate, MaxAge: time.Minute},
		{Match: "**/*.manifest", Class: class.Never},
		{Match: "s3://h*/raw/**", Class: class.Immutable},
		{Match: "**", Class: class.Revalidate},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		bucket, key string
		want        class.Verdict
	}{
		"the first":                {"hot", "a/1.manifest", class.Verdict{Class: class.Revalidate, MaxAge: time.Minute, Rule: "s3://hot/**/*.manifest"}},
		"the second":               {"cold", "a/1.manifest", class.Verdict{Class: class.Never, Rule: "**/*.manifest"}},
		"a glob over the bucket":   {"hut", "raw/x", class.Verdict{Class: class.Immutable, Rule: "s3://h*/raw/**"}},
		"not another bucket's":     {"b", "raw/x", class.Verdict{Class: class.Revalidate, Rule: "**"}},
		"before any built-in rule": {"b", "t.lance/data/" + dataName + ".lance", class.Verdict{Class: class.Revalidate, Rule: "**"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(table.Classify(tt.bucket, tt.key), tt.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestRulesThatMeanNothingAreRefusedByPosition(t *testing.T) {
	good := class.Rule{Match: "**", Class: class.Never}
	for name, tt := range map[string]struct {
		rule class.Rule
		want string
	}{
		"no glob":                      {class.Rule{}, "class: rule 2: empty match"},
		"no glob behind the scheme":    {class.Rule{Match: "s3://"}, "class: rule 2: empty match"},
		"two stars within a component": {class.Rule{Match: "a/b**"}, `class: rule 2 (a/b**): "**" must be a whole path component`},
		"three stars":                  {class.Rule{Match: "***"}, `class: rule 2 (***): "**" must be a whole path component`},
		"a negative age":               {class.Rule{Match: "a", MaxAge: -1}, "class: rule 2 (a): max_age -1ns is negative"},
		"an age of what never changes": {class.Rule{Match: "a", MaxAge: 1, Class: class.Immutable}, "class: rule 2 (a): max_age is for class revalidate, not immutable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := class.New([]class.Rule{good, tt.rule})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestWordsForClasses(t *testing.T) {
	for _, c := range []class.Class{class.Revalidate, class.Immutable, class.Never} {
		got, err := class.Parse(c.String())
		if err != nil || got != c {
			t.Errorf("%s is read as %s, %v", c, got, err)
		}
	}
	for _, word := range []string{"", "Never", "always"} {
		if _, err := class.Parse(word); err == nil {
			t.Errorf("%q is a class", word)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	table, err := class.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]string{
		"key=data":       "db/items.lance/data/" + dataName + ".lance",
		"key=generation": shard + "1f0c9a77_gen_3/data/" + dataName + ".lance",
		"key=other":      "db/items.parquet/part=17/00000000-0000.parquet",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Classify("tables", key)
			}
		})
	}
}
