package snapshot

import (
	"strings"
	"testing"
	"time"
)

func TestTablesAreFoundByNameAndConfiguration(t *testing.T) {
	ts, err := compile([]Table{
		{Match: "s3://lake/db/off.lance"},
		{Match: "s3://lake/db/*", MaxAge: time.Second},
		{Match: "s3://lake/plain/table/", MaxAge: 2 * time.Second},
		{Match: "deep/**", MaxAge: 3 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"db/items.lance/_versions/1.manifest":          "db/items.lance 1s",
		"db/items.lance/_versions/":                    "db/items.lance 1s",
		"db/items.lance/_mem_wal/x/0a_gen_1/a.lance/b": "db/items.lance 1s",
		"db/items.lance/":                              "db/items.lance 1s",
		"db/items.lance":                               "",
		"db/__manifest/_versions/":                     "db/__manifest 1s",
		"db/off.lance/_versions/":                      "",
		"db/folder/x":                                  "",
		"db/.lance/x":                                  "",
		"plain/table/_versions/":                       "plain/table 2s",
		"plain/other/_versions/":                       "",
		"deep/a/b.lance/_versions/":                    "deep/a/b.lance 3s",
		"deep/a/b.lance/c.lance/_versions/":            "deep/a/b.lance/c.lance 3s",
		"":                                             "",
		"/":                                            "",
		"//items.lance/":                               "",
	} {
		got := ""
		if root, bound, ok := ts.find(bucket, path); ok {
			got = root + " " + bound.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	for _, bad := range []Table{{"", time.Second}, {"s3://", time.Second}, {"a**/b", time.Second}, {"a", -1}, {"a", time.Millisecond}} {
		if _, err := New(newFake(), Options{Tables: []Table{bad}}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := New(newFake(), Options{MaxTables: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
}

func TestListingsAreTheSameQuestionHoweverTheyAreWritten(t *testing.T) {
	want, ok := Listing(bucket, "list-type=2&prefix=a%2Fb%20c&delimiter=%2F")
	if !ok {
		t.Fatal("not understood")
	}
	for _, same := range []string{"delimiter=/&prefix=a/b%20c&list-type=2", "list-type=2&x-id=ListObjectsV2&prefix=a%2fb+c&delimiter=%2F&"} {
		if q, ok := Listing(bucket, same); !ok || q != want {
			t.Errorf("%s: %+v, want %+v", same, q, want)
		}
	}
	for _, other := range []string{
		"prefix=a", "list-type=1&prefix=a", "list-type=2&continuation-token=x", "list-type=2&prefix=%zz", "list-type=2&%zz",
		"list-type=2&prefix=a&prefix=b", "list-type=2&versionId=1", "",
	} {
		if q, ok := Listing(bucket, other); ok {
			t.Errorf("%s is %+v", other, q)
		}
	}
}

func TestPlacesOfQuestions(t *testing.T) {
	shard := root + "/_mem_wal/" + shardIDs[0]
	for _, tt := range []struct {
		q    Question
		want place
	}{
		{getQ(root + "/_versions/1.manifest"), inBase},
		{getQ(root + "/_refs/tags/a.json"), inBase},
		{getQ(root + "/data/a.lance"), elsewhere},
		{getQ("db/other.lance/_versions/1.manifest"), elsewhere},
		{getQ(shard + "/manifest/x.binpb"), inShards},
		{getQ(shard + "/manifest/version_hint.json"), inShards},
		{getQ(shard + "/wal/x.arrow"), elsewhere},
		{getQ(shard + "/0a_gen_1/manifest/x"), elsewhere},
		{getQ(root + "/_mem_wal/notashard/manifest/x"), elsewhere},
		{listing(bucket, root+"/_versions/", ""), inBase},
		{listing(bucket, root+"/_versions/1", "/"), inBase},
		{listing(bucket, root+"/data/", ""), elsewhere},
		{listing(bucket, root+"/", "/"), elsewhere},
		{listing(bucket, root+"/", ""), revealing},
		{listing(bucket, root+"/_", ""), revealing},
		{listing(bucket, root+"/_mem_wal/", ""), revealing},
		{listing(bucket, root+"/_mem_wal/", "-"), revealing},
		{listing(bucket, root+"/_mem_wal/", "/"), inShards},
		{listing(bucket, root+"/_mem_wal/aa48", "/"), revealing},
		{listing(bucket, shard, ""), revealing},
		{listing(bucket, shard+"/", ""), revealing},
		{listing(bucket, shard+"/", "/"), inShards},
		{listing(bucket, shard+"/man", ""), revealing},
		{listing(bucket, shard+"/manifest/", ""), inShards},
		{listing(bucket, shard+"/manifest/1", "/"), inShards},
		{listing(bucket, shard+"/wal/", ""), elsewhere},
		{listing(bucket, shard+"/0a_gen_1/_versions/", ""), elsewhere},
		{listing(bucket, "db/", ""), elsewhere},
	} {
		if got := tt.q.placeIn(root); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.q.id(), got, tt.want)
		}
	}
}

func TestTheNewestVersionIsFoundByEitherNaming(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"18446744073709551607.manifest", "18446744073709551608.manifest"}, "18446744073709551607.manifest"},
		{[]string{"1.manifest", "10.manifest", "9.manifest"}, "10.manifest"},
		{[]string{"x.manifest", "1.manifest", "99999999999999999999.manifest", "2.txt"}, "1.manifest"},
	} {
		l := new(listed)
		for _, name := range tt.names {
			l.Contents = append(l.Contents, struct{ Key string }{"t/_versions/" + name})
		}
		if got := strings.TrimPrefix(l.newestVersion(), "t/_versions/"); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.names, got, tt.want)
		}
	}
}
